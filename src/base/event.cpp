#include "base/event.hpp"

#include <cerrno>

#include <sys/eventfd.h>

namespace rvmm {

Result<Event> Event::create(std::string_view what) {
    UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!fd) return fail_errno(Stage::kLaunch, errno, "cannot make an event for {}", what);
    return Event(std::move(fd));
}

void Event::raise() const {
    // It fails only if the counter is full, and then the event is raised already.
    static_cast<void>(::eventfd_write(fd_.get(), 1));
}

bool Event::take() const {
    eventfd_t count = 0;
    return ::eventfd_read(fd_.get(), &count) == 0;
}

}  // namespace rvmm
