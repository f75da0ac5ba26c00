#include "vmm/lab/qemu_process.hpp"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

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

}  // namespace

Result<QemuProcess> QemuProcess::start(const LabConfig& config, const QemuMachine& machine) {
    RVMM_TRY(auto console, make_socket_pair());
    RVMM_TRY(auto errors, make_socket_pair());
    RVMM_TRY(auto control, make_socket_pair());
    RVMM_TRY(auto kernel_log, make_socket_pair());
    RVMM_TRY(auto messages, make_pipe());
    const QemuFds fds{console.second.get(), errors.second.get(), control.second.get(),
                      kernel_log.second.get()};
    ChildProcess::Spec spec;
    spec.arguments = qemu_arguments(config, machine, fds);
    spec.inherited = {fds.console, fds.errors, fds.control, fds.kernel_log, machine.initramfs};
    if (machine.payload >= 0) spec.inherited.push_back(machine.payload);
    spec.output = messages.second.get();
    RVMM_TRY(auto child, ChildProcess::start(std::move(spec)));
    return QemuProcess(
        std::move(child),
        QemuStreams{std::move(console.first), std::move(errors.first), std::move(control.first),
                    std::move(kernel_log.first), std::move(messages.first)});
}

}  // namespace rvmm::vmm::lab
