// The terminal in raw mode, and back to what it was however the process ends.
#pragma once

#include <utility>

#include "base/error.hpp"

namespace rvmm::vmm {

/// Restores in its destructor, at exit(), and in handlers of the signals that would end the process
/// and that nobody else handles (only SIGKILL and SIGSTOP leave the terminal raw). The process has
/// one at a time; create and destroy it on the main thread. Terminals are per process, so its state
/// is too: this is the one class with static data that changes.
class Terminal {
  public:
    enum class Output {
        kProcessed,  // "\n" still returns the carriage: for a guest's serial console, and our
                     // messages
        kRaw,        // bytes as they are: for a terminal program on the far side
    };

    /// Makes the terminal on `fd` raw; `fd` stays open as long as this lives. If `fd` is no
    /// terminal this does nothing and active() is false. Errors: Stage::kInternal if one exists
    /// already, Stage::kLaunch if the terminal refuses.
    static Result<Terminal> make_raw(int fd, Output output);

    Terminal(Terminal&& other) noexcept : active_(std::exchange(other.active_, false)) {}
    Terminal& operator=(Terminal&& other) = delete;
    ~Terminal() { restore(); }

    bool active() const { return active_; }
    void restore();

  private:
    explicit Terminal(bool active) : active_(active) {}
    bool active_ = false;
};

}  // namespace rvmm::vmm
