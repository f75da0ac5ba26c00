#include "vmm/service/service_notifier.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.hpp"
#include "base/text.hpp"

namespace rvmm::vmm {
namespace {

std::string take_variable(const char* name) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
    std::string taken = value == nullptr ? "" : value;
    ::unsetenv(name);  // NOLINT(concurrency-mt-unsafe)
    return taken;
}

struct NotifyAddress {
    sockaddr_un address = {};
    socklen_t size = 0;
};

/// Nothing if `name` cannot be a socket's.
std::optional<NotifyAddress> notify_address(const std::string& name) {
    NotifyAddress to;
    to.address.sun_family = AF_UNIX;
    if (name.size() < 2 || name.size() >= sizeof to.address.sun_path) return std::nullopt;
    if (name.front() != '/' && name.front() != '@') return std::nullopt;
    std::ranges::copy(name, to.address.sun_path);
    // An abstract name is all that the length covers, its first byte being zero.
    if (name.front() == '@') to.address.sun_path[0] = '\0';
    const std::size_t zero = name.front() == '@' ? 0 : 1;
    to.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + zero);
    return to;
}

UniqueFd notify_socket() {
    UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const timeval patience = {
        .tv_sec = 0, .tv_usec = std::chrono::microseconds(ServiceNotifier::kPatience).count()};
    if (fd) ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return fd;
}

/// Nothing: no watchdog, or one of another process.
std::optional<std::chrono::microseconds> beat_of(const ServiceNotifier::Surroundings& around) {
    if (around.watchdog_usec.empty()) return std::nullopt;
    const auto limit = parse_unsigned(around.watchdog_usec);
    const auto process = parse_unsigned(around.watchdog_pid);
    if (!limit || *limit < 2 || (!around.watchdog_pid.empty() && !process)) {
        warn("no watchdog: WATCHDOG_USEC={}, WATCHDOG_PID={}", around.watchdog_usec,
             around.watchdog_pid);
        return std::nullopt;
    }
    if (process && *process != static_cast<std::uint64_t>(around.process)) return std::nullopt;
    constexpr std::uint64_t kSlowest =
        std::chrono::microseconds(ServiceNotifier::kSlowestBeat).count();
    return std::chrono::microseconds(std::min(*limit / 2, kSlowest));
}

}  // namespace

ServiceNotifier::Surroundings ServiceNotifier::take_environment() {
    return {.socket = take_variable("NOTIFY_SOCKET"),
            .watchdog_usec = take_variable("WATCHDOG_USEC"),
            .watchdog_pid = take_variable("WATCHDOG_PID"),
            .process = ::getpid()};
}

ServiceNotifier::ServiceNotifier(const Surroundings& surroundings) : name_(surroundings.socket) {
    if (name_.empty()) return;
    if (!notify_address(name_)) {
        warn("NOTIFY_SOCKET is no path and no abstract name: {}", escape(name_));
        return;
    }
    socket_ = notify_socket();
    if (!socket_)
        warn("{}", Error::from_errno(Stage::kHostCannot, "cannot tell the service manager", errno)
                       .message());
    else
        beat_ = beat_of(surroundings);
}

void ServiceNotifier::send(std::string_view message) {
    if (!socket_) return;
    const auto to = notify_address(name_);
    ssize_t sent = -1;
    do {
        sent = ::sendto(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL,
                        reinterpret_cast<const sockaddr*>(&to->address), to->size);
    } while (sent < 0 && errno == EINTR);
    // Tried again at the next message: a manager that starts anew takes the same name.
    if (sent >= 0 || std::exchange(warned_, true)) return;
    warn("{}", Error::from_errno(
                   Stage::kHostCannot,
                   fmt::format("cannot tell the service manager at {}", escape(name_)), errno)
                   .message());
}

}  // namespace rvmm::vmm
