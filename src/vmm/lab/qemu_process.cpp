#include "vmm/lab/qemu_process.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

namespace rvmm::vmm::lab {
namespace {

Result<std::pair<UniqueFd, UniqueFd>> make_socket_pair() {
    std::array<int, 2> fds = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) != 0)
        return fail_errno(Stage::kLaunch, errno, "cannot make sockets for the lab");
    return std::pair(UniqueFd(fds[0]), UniqueFd(fds[1]));
}

Result<std::pair<UniqueFd, UniqueFd>> make_pipe() {
    std::array<int, 2> fds = {-1, -1};
    if (::pipe2(fds.data(), O_CLOEXEC) != 0)
        return fail_errno(Stage::kLaunch, errno, "cannot make a pipe for the lab");
    return std::pair(UniqueFd(fds[0]), UniqueFd(fds[1]));
}

/// What the child needs, made before the fork: afterwards only async-signal-safe calls are made.
struct ChildPlan {
    std::vector<char*> argv;
    std::vector<int> inherited;
    int messages = -1;
    int null_device = -1;
    pid_t parent = -1;
};

[[noreturn]] void become_qemu(const ChildPlan& plan) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != plan.parent) ::_exit(127);  // it ended before the line above
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    ::dup2(plan.null_device, STDIN_FILENO);
    ::dup2(plan.messages, STDOUT_FILENO);
    ::dup2(plan.messages, STDERR_FILENO);
    for (const int fd : plan.inherited) ::fcntl(fd, F_SETFD, 0);
    ::execv(plan.argv[0], plan.argv.data());
    const char* reason = ::strerror(errno);  // NOLINT(concurrency-mt-unsafe)
    [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, reason, std::strlen(reason));
    ::_exit(127);
}

}  // namespace

Result<QemuProcess> QemuProcess::start(const LabConfig& config, const QemuMachine& machine) {
    RVMM_TRY(auto console, make_socket_pair());
    RVMM_TRY(auto errors, make_socket_pair());
    RVMM_TRY(auto control, make_socket_pair());
    RVMM_TRY(auto kernel_log, make_socket_pair());
    RVMM_TRY(auto messages, make_pipe());
    const UniqueFd null_device(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!null_device) return fail_errno(Stage::kLaunch, errno, "cannot open /dev/null");

    const QemuFds fds{console.second.get(), errors.second.get(), control.second.get(),
                      kernel_log.second.get()};
    std::vector<std::string> arguments = qemu_arguments(config, machine, fds);
    ChildPlan plan;
    for (std::string& argument : arguments) plan.argv.push_back(argument.data());
    plan.argv.push_back(nullptr);
    plan.inherited = {fds.console, fds.errors, fds.control, fds.kernel_log, machine.initramfs};
    if (machine.payload >= 0) plan.inherited.push_back(machine.payload);
    plan.messages = messages.second.get();
    plan.null_device = null_device.get();
    plan.parent = ::getpid();

    const pid_t pid = ::fork();
    if (pid < 0) return fail_errno(Stage::kLaunch, errno, "cannot start the lab");
    if (pid == 0) become_qemu(plan);
    return QemuProcess(pid, QemuStreams{std::move(console.first), std::move(errors.first),
                                        std::move(control.first), std::move(kernel_log.first),
                                        std::move(messages.first)});
}

void QemuProcess::kill() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
}

}  // namespace rvmm::vmm::lab
