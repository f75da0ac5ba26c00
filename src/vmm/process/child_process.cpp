#include "vmm/process/child_process.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/exit_code.hpp"

namespace rvmm::vmm {
namespace {

/// What the child needs, made before the fork: afterwards only async-signal-safe calls are made.
struct ChildPlan {
    std::vector<char*> argv;
    std::vector<int> inherited;
    int output = -1;
    int errors = -1;
    int null_device = -1;
    pid_t parent = -1;
};

[[noreturn]] void become_program(const ChildPlan& plan) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != plan.parent) ::_exit(127);  // it ended before the line above
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    ::dup2(plan.null_device, STDIN_FILENO);
    ::dup2(plan.output, STDOUT_FILENO);
    ::dup2(plan.errors >= 0 ? plan.errors : plan.output, STDERR_FILENO);
    // Whoever started rvmm may have left descriptors open, for us. Linux 5.11.
    ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    for (const int fd : plan.inherited) ::fcntl(fd, F_SETFD, 0);
    ::execv(plan.argv[0], plan.argv.data());
    const char* reason = ::strerror(errno);  // NOLINT(concurrency-mt-unsafe)
    [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, reason, std::strlen(reason));
    ::_exit(127);
}

}  // namespace

Result<ChildProcess> ChildProcess::start(Spec spec) {
    const UniqueFd null_device(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!null_device) return fail_errno(Stage::kLaunch, errno, "cannot open /dev/null");
    ChildPlan plan;
    for (std::string& argument : spec.arguments) plan.argv.push_back(argument.data());
    plan.argv.push_back(nullptr);
    plan.inherited = std::move(spec.inherited);
    plan.output = spec.output;
    plan.errors = spec.errors;
    plan.null_device = null_device.get();
    plan.parent = ::getpid();

    const pid_t pid = ::fork();
    if (pid < 0) return fail_errno(Stage::kLaunch, errno, "cannot start {}", spec.arguments[0]);
    if (pid == 0) become_program(plan);
    return ChildProcess(pid);
}

bool ChildProcess::reap(int options) {
    int status = 0;
    rusage used = {};
    pid_t reaped = 0;
    do {
        reaped = ::wait4(pid_, &status, options, &used);
    } while (reaped < 0 && errno == EINTR);
    if (reaped == 0) return false;
    pid_ = -1;
    // Somebody else has reaped it, the kernel where SIGCHLD is ignored: an unknown end is a bad
    // one.
    if (reaped < 0) status = SIGKILL;
    how_ = {WIFSIGNALED(status) ? killed_by(WTERMSIG(status)) : WEXITSTATUS(status),
            static_cast<std::uint64_t>(used.ru_maxrss) * 1024};
    return true;
}

bool ChildProcess::ended() {
    return pid_ < 0 || reap(WNOHANG);
}

Result<UniqueFd> ChildProcess::watch() const {
    UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));  // Linux 5.3
    if (!fd) return fail_errno(Stage::kLaunch, errno, "cannot watch a process");
    return fd;
}

void ChildProcess::send(int signal) const {
    if (pid_ >= 0) ::kill(pid_, signal);
}

void ChildProcess::kill() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    reap(0);
}

std::string find_program(const std::string& name) {
    if (name.find('/') != std::string::npos) return name;
    const char* path = ::getenv("PATH");  // NOLINT(concurrency-mt-unsafe)
    std::string_view folders = path != nullptr ? path : "/usr/bin:/bin";
    while (!folders.empty()) {
        const std::string_view folder = folders.substr(0, folders.find(':'));
        folders.remove_prefix(std::min(folders.size(), folder.size() + 1));
        const std::string file = std::string(folder.empty() ? "." : folder) + "/" + name;
        if (::access(file.c_str(), X_OK) == 0) return file;
    }
    return {};
}

}  // namespace rvmm::vmm
