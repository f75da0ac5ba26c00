// A disk's I/O by a few threads that make plain calls: for where io_uring is forbidden.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <asio/thread_pool.hpp>

#include "devices/block/backend.hpp"
#include "devices/block/block_file.hpp"
#include "devices/block/loop_event.hpp"

namespace rvmm::devices {

class PoolBackend final : public BlockBackend {
  public:
    static constexpr unsigned kThreads = 4;

    /// Errors (Stage::kLaunch): no event to be had.
    static Result<std::unique_ptr<BlockBackend>> create(asio::io_context& loop,
                                                        std::shared_ptr<const BlockFile> file,
                                                        unsigned depth);
    ~PoolBackend() override;

    Shape shape() const override;
    std::string_view kind() const override { return "threads"; }
    void set_client(Client& client) override { client_ = &client; }
    void queue(BlockRequest& request) override { queued_.push_back(&request); }
    void submit() override;

  private:
    PoolBackend(std::shared_ptr<const BlockFile> file, unsigned depth);
    /// On a thread of the pool.
    void run(BlockRequest& request);
    void reap();

    std::shared_ptr<const BlockFile> file_;
    unsigned depth_;
    Client* client_ = nullptr;
    std::vector<BlockRequest*> queued_;
    std::vector<BlockRequest*> reaped_;

    std::mutex mutex_;
    std::vector<BlockRequest*> done_;
    std::optional<LoopEvent> event_;
    asio::thread_pool threads_;
};

}  // namespace rvmm::devices
