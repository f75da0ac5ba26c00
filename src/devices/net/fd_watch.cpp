#include "devices/net/fd_watch.hpp"

#include <cerrno>

#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <fcntl.h>

namespace rvmm::devices {

struct FdWatch::State {
    explicit State(asio::io_context& loop) : descriptor(loop) {}

    asio::posix::stream_descriptor descriptor;
    Owner* owner = nullptr;
    bool reading = false;
    bool writing = false;
};

Result<FdWatch> FdWatch::create(asio::io_context& loop, UniqueFd fd, std::string_view what) {
    const int flags = ::fcntl(fd.get(), F_GETFL);
    if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0)
        return fail_errno(Stage::kHostCannot, errno, "cannot use {}", what);
    auto state = std::make_shared<State>(loop);
    asio::error_code error;
    state->descriptor.assign(fd.get(), error);
    if (error) return fail(Stage::kHostCannot, "cannot wait for {}: {}", what, error.message());
    static_cast<void>(fd.release());
    return FdWatch(std::move(state));
}

void FdWatch::set_owner(Owner& owner) {
    state_->owner = &owner;
}

int FdWatch::fd() const {
    return state_->descriptor.is_open() ? state_->descriptor.native_handle() : -1;
}

void FdWatch::await_readable() {
    if (state_->reading || fd() < 0) return;
    state_->reading = true;
    state_->descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                                  [state = state_](const asio::error_code& error) {
                                      state->reading = false;
                                      if (!error && state->owner) state->owner->readable();
                                  });
}

void FdWatch::await_writable() {
    if (state_->writing || fd() < 0) return;
    state_->writing = true;
    state_->descriptor.async_wait(asio::posix::stream_descriptor::wait_write,
                                  [state = state_](const asio::error_code& error) {
                                      state->writing = false;
                                      if (!error && state->owner) state->owner->writable();
                                  });
}

void FdWatch::post_readable() {
    if (state_->reading || fd() < 0) return;
    state_->reading = true;
    asio::post(state_->descriptor.get_executor(), [state = state_] {
        state->reading = false;
        if (state->owner) state->owner->readable();
    });
}

void FdWatch::close() {
    if (!state_) return;  // moved from
    state_->owner = nullptr;
    asio::error_code ignored;
    state_->descriptor.close(ignored);
}

}  // namespace rvmm::devices
