#include "vmm/events/event_sink.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.hpp"
#include "base/text.hpp"

namespace rvmm::vmm {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::string_view kDescriptor = "fd:";

Result<int> descriptor_of(const std::string& target) {
    const auto number = parse_unsigned(target.substr(kDescriptor.size()));
    if (!number || *number > INT_MAX)
        return fail(Stage::kUsage, "--events fd:N takes the number of a descriptor, not {}",
                    target);
    const int flags = ::fcntl(static_cast<int>(*number), F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
        return std::unexpected(
            Error(Stage::kUsage, fmt::format("descriptor {} is not open for writing", *number))
                .with_advice("a shell opens one by: rvmm run ... --events fd:3 3>events.ndjson"));
    return static_cast<int>(*number);
}

Result<UniqueFd> copy_descriptor(const std::string& target) {
    RVMM_TRY(const int number, descriptor_of(target));
    UniqueFd copy;
    // A terminal that is ready has room for a byte, and would wait for more: one of our own does
    // not.
    if (::isatty(number) == 1)
        copy = UniqueFd(::open(fmt::format("/proc/self/fd/{}", number).c_str(),
                               O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!copy) copy = UniqueFd(::fcntl(number, F_DUPFD_CLOEXEC, 0));
    if (!copy) return std::unexpected(Error::from_errno(Stage::kUsage, "--events", errno));
    return copy;
}

Result<UniqueFd> open_fifo(const std::string& path) {
    UniqueFd fd(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    if (fd) return fd;
    const int error_number = errno;
    Error error = Error::from_errno(
        Stage::kUsage, fmt::format("cannot write events to the FIFO {}", path), error_number);
    if (error_number == ENXIO)
        error = Error(Stage::kUsage, fmt::format("nobody reads the FIFO {}", path))
                    .with_advice("start its reader first");
    return std::unexpected(std::move(error));
}

}  // namespace

Result<EventSink> EventSink::open(const std::string& target) {
    UniqueFd fd;
    struct stat found = {};
    if (target.starts_with(kDescriptor)) {
        RVMM_TRY(fd, copy_descriptor(target));
    } else if (::stat(target.c_str(), &found) == 0 && S_ISFIFO(found.st_mode)) {
        RVMM_TRY(fd, open_fifo(target));
    } else {
        RVMM_TRY(fd, create_file("the file of events", target, O_APPEND));
    }
    return EventSink(std::move(fd));
}

Result<> EventSink::check_descriptor(const std::string& target) {
    if (target.starts_with(kDescriptor)) RVMM_CHECK(descriptor_of(target));
    return {};
}

bool EventSink::put(std::string_view line) {
    if (failed_) return false;
    pending_ += line;
    if (!write(milliseconds(0)) || pending_.size() > kMaxPending) failed_ = true;
    return !failed_;
}

bool EventSink::finish(milliseconds patience) {
    if (failed_ || !write(patience) || !pending_.empty()) failed_ = true;
    return !failed_;
}

bool EventSink::write(milliseconds patience) {
    const auto deadline = steady_clock::now() + patience;
    while (!pending_.empty()) {
        const auto left =
            std::max(milliseconds(0),
                     std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now()));
        pollfd ready = {.fd = fd_.get(), .events = POLLOUT, .revents = 0};
        const int count = ::poll(&ready, 1, static_cast<int>(left.count()));
        if (count == 0) return true;
        if (count < 0 && errno == EINTR) continue;
        // The descriptor may be one that blocks: what is ready takes this much without waiting.
        const ssize_t size =
            ::write(fd_.get(), pending_.data(), std::min<std::size_t>(pending_.size(), PIPE_BUF));
        if (size < 0 && errno == EAGAIN && left.count() == 0) return true;
        if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (size < 0) return false;
        pending_.erase(0, static_cast<std::size_t>(size));
    }
    return true;
}

}  // namespace rvmm::vmm
