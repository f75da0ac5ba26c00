#include "vmm/terminal/terminal.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>

#include <signal.h>
#include <termios.h>
#include <unistd.h>

namespace rvmm::vmm {
namespace {

constexpr std::array kFatalSignals = {SIGHUP, SIGINT,  SIGQUIT, SIGILL,  SIGABRT, SIGFPE,
                                      SIGBUS, SIGSEGV, SIGPIPE, SIGALRM, SIGTERM, SIGXCPU};

// What a signal handler has to find. Written while is_raw is false, read while it is true.
struct SavedTerminal {
    std::atomic<bool> is_raw = false;
    int fd = -1;
    termios before = {};
};
SavedTerminal saved;
static_assert(std::atomic<bool>::is_always_lock_free);

// Also called from signal handlers: tcsetattr() is async-signal-safe.
void restore_now() {
    if (!saved.is_raw.exchange(false)) return;
    const int error_number = errno;
    ::tcsetattr(saved.fd, TCSANOW, &saved.before);
    errno = error_number;
}

// SA_RESETHAND has put the default action back, so that raising it again ends the process.
void on_fatal_signal(int number) {
    restore_now();
    ::raise(number);
}

void handle_fatal_signals() {
    for (const int number : kFatalSignals) {
        struct sigaction current = {};
        ::sigaction(number, nullptr, &current);
        if (current.sa_handler != SIG_DFL) continue;  // NOLINT
        struct sigaction ours = {};
        ours.sa_handler = on_fatal_signal;
        ours.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
        ::sigaction(number, &ours, nullptr);
    }
}

void leave_fatal_signals() {
    for (const int number : kFatalSignals) {
        struct sigaction current = {};
        ::sigaction(number, nullptr, &current);
        if (current.sa_handler != on_fatal_signal) continue;  // NOLINT
        current.sa_handler = SIG_DFL;
        ::sigaction(number, &current, nullptr);
    }
}

}  // namespace

Result<Terminal> Terminal::make_raw(int fd, Output output) {
    if (::isatty(fd) == 0) return Terminal(false);
    if (saved.is_raw) return fail(Stage::kInternal, "the terminal is raw already");
    if (::tcgetattr(fd, &saved.before) != 0)
        return fail_errno(Stage::kLaunch, errno, "cannot ask the terminal for its mode");
    saved.fd = fd;
    static const bool registered = std::atexit(restore_now) == 0;
    if (!registered) return fail(Stage::kLaunch, "cannot register the terminal's restoration");

    termios raw = saved.before;
    ::cfmakeraw(&raw);
    if (output == Output::kProcessed) raw.c_oflag = saved.before.c_oflag;
    handle_fatal_signals();
    saved.is_raw = true;
    if (::tcsetattr(fd, TCSANOW, &raw) != 0) {
        const int error_number = errno;
        Terminal(true).restore();
        return fail_errno(Stage::kLaunch, error_number, "cannot make the terminal raw");
    }
    return Terminal(true);
}

void Terminal::restore() {
    if (!std::exchange(active_, false)) return;
    restore_now();
    leave_fatal_signals();
}

}  // namespace rvmm::vmm
