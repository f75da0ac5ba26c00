// A queue of messages in front of a stream that may not take them at once.
#pragma once

#include <deque>
#include <string>

#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

namespace rvmm::vmm::lab {

/// Sends in order. After a failure of the stream it takes messages and drops them: whoever reads
/// the stream learns of its end. Must live until the stream's executor has stopped.
template <class Stream>
class Outbox {
  public:
    explicit Outbox(Stream& stream) : stream_(stream) {}
    Outbox(const Outbox&) = delete;
    Outbox& operator=(const Outbox&) = delete;

    void send(std::string message) {
        if (broken_) return;
        queue_.push_back(std::move(message));
        if (queue_.size() == 1) asio::co_spawn(stream_.get_executor(), drain(), asio::detached);
    }

  private:
    asio::awaitable<void> drain() {
        while (!queue_.empty()) {
            asio::error_code error;
            co_await asio::async_write(stream_, asio::buffer(queue_.front()),
                                       asio::redirect_error(asio::use_awaitable, error));
            if (error) {
                broken_ = true;
                queue_.clear();
                co_return;
            }
            queue_.pop_front();
        }
    }

    Stream& stream_;
    std::deque<std::string> queue_;
    bool broken_ = false;
};

}  // namespace rvmm::vmm::lab
