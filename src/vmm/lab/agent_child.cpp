#include "vmm/lab/agent_child.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace rvmm::vmm::lab {
namespace {

constexpr int kPipeSize = 1 << 20;
constexpr std::array<std::pair<const char*, const char*>, 4> kEnvironment = {{
    {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
    {"HOME", "/root"},
    {"USER", "root"},
    {"SHELL", "/bin/sh"},
}};

/// The child's ends of its streams.
struct ChildEnds {
    UniqueFd input;
    UniqueFd output;
    UniqueFd errors;
    bool terminal = false;
};

Result<> make_pipe(UniqueFd& read_end, UniqueFd& write_end) {
    std::array<int, 2> fds = {-1, -1};
    if (::pipe2(fds.data(), O_CLOEXEC) != 0)
        return fail_errno(Stage::kLaunch, errno, "cannot make a pipe");
    ::fcntl(fds[0], F_SETPIPE_SZ, kPipeSize);  // only for speed
    read_end.reset(fds[0]);
    write_end.reset(fds[1]);
    return {};
}

Result<> make_terminal(WindowSize size, AgentChild& ours, ChildEnds& theirs) {
    ours.input.reset(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    std::array<char, 64> name = {};
    if (!ours.input || ::grantpt(ours.input.get()) != 0 || ::unlockpt(ours.input.get()) != 0 ||
        ::ptsname_r(ours.input.get(), name.data(), name.size()) != 0)
        return fail_errno(Stage::kLaunch, errno, "cannot make a terminal");
    set_window_size(ours.input.get(), size);
    ours.output.reset(::fcntl(ours.input.get(), F_DUPFD_CLOEXEC, 0));
    theirs.input.reset(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    theirs.output.reset(::fcntl(theirs.input.get(), F_DUPFD_CLOEXEC, 0));
    theirs.errors.reset(::fcntl(theirs.input.get(), F_DUPFD_CLOEXEC, 0));
    theirs.terminal = true;
    if (!ours.output || !theirs.input || !theirs.output || !theirs.errors)
        return fail_errno(Stage::kLaunch, errno, "cannot open the terminal");
    return {};
}

[[noreturn]] void become_command(const RunMessage& run, const ChildEnds& ends) {
    ::setsid();
    ::dup2(ends.input.get(), STDIN_FILENO);
    ::dup2(ends.output.get(), STDOUT_FILENO);
    ::dup2(ends.errors.get(), STDERR_FILENO);
    if (ends.terminal) ::ioctl(STDIN_FILENO, TIOCSCTTY, 0);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);

    ::clearenv();
    for (const auto& [name, value] : kEnvironment) ::setenv(name, value, 1);
    for (const auto& [name, value] : run.environment) ::setenv(name.c_str(), value.c_str(), 1);
    std::vector<char*> argv;
    argv.reserve(run.argv.size() + 1);
    for (const std::string& argument : run.argv)
        argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);

    const char* what = run.cwd.c_str();
    if (::chdir(what) == 0) {
        what = argv[0];
        ::execvp(argv[0], argv.data());
    }
    const int error_number = errno;
    ::dprintf(STDERR_FILENO, "rvmm lab: %s: %s\n", what, ::strerror(error_number));
    ::_exit(error_number == ENOENT ? 127 : 126);
}

}  // namespace

Result<AgentChild> start_child(const RunMessage& run) {
    AgentChild ours;
    ChildEnds theirs;
    if (run.terminal) {
        RVMM_CHECK(make_terminal(*run.terminal, ours, theirs));
    } else {
        RVMM_CHECK(make_pipe(theirs.input, ours.input));
        RVMM_CHECK(make_pipe(ours.output, theirs.output));
        RVMM_CHECK(make_pipe(ours.errors, theirs.errors));
    }
    ours.pid = ::fork();
    if (ours.pid < 0) return fail_errno(Stage::kLaunch, errno, "cannot start a process");
    if (ours.pid == 0) become_command(run, theirs);
    return ours;
}

void set_window_size(int fd, WindowSize size) {
    winsize value = {};
    value.ws_row = size.rows;
    value.ws_col = size.columns;
    ::ioctl(fd, TIOCSWINSZ, &value);
}

}  // namespace rvmm::vmm::lab
