// Signals that end this process, kept back while there are things to remove or to write, and let
// through where somebody looks after them. Of the calling thread.
#pragma once

#include <csignal>
#include <optional>

#include <signal.h>

namespace rvmm::vmm::lab {

inline sigset_t ending_signals() {
    sigset_t signals;
    ::sigemptyset(&signals);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::sigaddset(&signals, number);
    return signals;
}

/// They wait as long as it lives, or until take() or LetSignals.
class HeldSignals {
  public:
    HeldSignals() {
        const sigset_t signals = ending_signals();
        ::pthread_sigmask(SIG_BLOCK, &signals, &before_);
    }
    HeldSignals(const HeldSignals&) = delete;
    HeldSignals& operator=(const HeldSignals&) = delete;
    ~HeldSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

    /// One that has come; it does nothing more.
    static std::optional<int> take() {
        const sigset_t signals = ending_signals();
        constexpr timespec kNoTime = {};
        const int number = ::sigtimedwait(&signals, nullptr, &kNoTime);
        return number > 0 ? std::optional(number) : std::nullopt;
    }

  private:
    sigset_t before_ = {};
};

/// They come as long as it lives, also those that have waited: there is a handler.
class LetSignals {
  public:
    LetSignals() {
        const sigset_t signals = ending_signals();
        ::pthread_sigmask(SIG_UNBLOCK, &signals, &before_);
    }
    LetSignals(const LetSignals&) = delete;
    LetSignals& operator=(const LetSignals&) = delete;
    ~LetSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  private:
    sigset_t before_ = {};
};

}  // namespace rvmm::vmm::lab
