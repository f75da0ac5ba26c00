// A descriptor of ours on the machine's loop, and who is told when it can be read or written.
#pragma once

#include <memory>
#include <string_view>

#include <asio/io_context.hpp>

#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace rvmm::devices {

/// On the loop, which outlives it.
class FdWatch {
  public:
    class Owner {
      public:
        virtual void readable() = 0;
        virtual void writable() = 0;

      protected:
        ~Owner() = default;
    };

    /// Makes `fd` non-blocking. `owner` outlives the watch. Errors (Stage::kHostCannot): it is
    /// nothing that one can wait for; `what` names it.
    static Result<FdWatch> create(asio::io_context& loop, UniqueFd fd, std::string_view what);
    FdWatch(FdWatch&&) noexcept = default;
    FdWatch& operator=(FdWatch&&) = delete;
    ~FdWatch() { close(); }

    void set_owner(Owner& owner);
    /// -1 when closed.
    int fd() const;
    /// Tells the owner once, when it can be read or has failed. Again while it waits: no more.
    void await_readable();
    void await_writable();
    /// Tells the owner that it can be read, in a turn of its own.
    void post_readable();
    /// The owner is told nothing more.
    void close();

  private:
    struct State;
    explicit FdWatch(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;  // handlers that wait hold it, and outlive the watch
};

}  // namespace rvmm::devices
