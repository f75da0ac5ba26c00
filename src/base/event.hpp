// An eventfd: a counter in the kernel that one side raises and the other waits for. Source:
// eventfd(2).
#pragma once

#include <string_view>

#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace rvmm {

class Event {
  public:
    /// `what` names it in errors (Stage::kLaunch).
    static Result<Event> create(std::string_view what);

    int fd() const { return fd_.get(); }
    /// Any thread; never waits.
    void raise() const;
    /// Takes what was raised since the last call: whether there was anything. Never waits.
    bool take() const;

  private:
    explicit Event(UniqueFd fd) : fd_(std::move(fd)) {}
    UniqueFd fd_;
};

}  // namespace rvmm
