#include "devices/net/tap_backend.hpp"

#include <cerrno>

namespace rvmm::devices {

Result<std::unique_ptr<TapBackend>> TapBackend::create(asio::io_context& loop, UniqueFd fd,
                                                       Control control) {
    RVMM_TRY(FdWatch watch, FdWatch::create(loop, std::move(fd), "the tap"));
    return std::unique_ptr<TapBackend>(new TapBackend(std::move(watch), std::move(control)));
}

void TapBackend::set_offloads(const Offloads& offloads) {
    if (control_.set_offloads && link_up()) control_.set_offloads(watch_.fd(), offloads);
}

void TapBackend::attach(bool attached) {
    if (attached == attached_ || !link_up()) return;
    attached_ = attached;
    if (control_.attach) control_.attach(watch_.fd(), attached);
}

NetBackend::Sent TapBackend::send(std::span<const iovec> packet) {
    while (true) {
        if (::writev(watch_.fd(), packet.data(), static_cast<int>(packet.size())) >= 0)
            return Sent::kDone;
        if (errno == EAGAIN) return Sent::kLater;
        // A packet that the kernel finds wrong, or an interface that is down.
        if (errno != EINTR) return Sent::kDropped;
    }
}

std::optional<std::size_t> TapBackend::receive(std::span<const iovec> room) {
    while (link_up()) {
        const ssize_t n = ::readv(watch_.fd(), room.data(), static_cast<int>(room.size()));
        if (n > 0) return static_cast<std::size_t>(n);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) break;
        const Error error = n == 0 ? Error(Stage::kLaunch, "the tap has ended")
                                   : Error::from_errno(Stage::kLaunch, "the tap is gone", errno);
        watch_.close();
        if (user_ != nullptr) user_->link_down(error);
    }
    return {};
}

void TapBackend::readable() {
    if (user_ != nullptr) user_->receivable();
}

void TapBackend::writable() {
    if (user_ != nullptr) user_->sendable();
}

}  // namespace rvmm::devices
