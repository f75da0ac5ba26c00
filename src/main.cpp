// rvmm: launches Arm CCA realms, and knows before a launch what they measure to.
#include <csignal>
#include <exception>

#include <fcntl.h>
#include <unistd.h>

#include "base/exit_code.hpp"
#include "base/log.hpp"
#include "cli/commands.hpp"

namespace {

/// A program may be started with standard streams closed; nothing that we open may take their
/// places.
void open_standard_streams() {
    int fd = 0;
    do {
        fd = ::open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO) ::close(fd);
}

}  // namespace

int main(int argc, char** argv) {
    open_standard_streams();
    // A reader that goes away is an error of a write, not the end of the machine.
    std::signal(SIGPIPE, SIG_IGN);
    // Ignored, as whoever started us may have left it, it would keep us from how children end.
    std::signal(SIGCHLD, SIG_DFL);
    try {
        return rvmm::cli::run_commands(argc, argv);
    } catch (const std::exception& exception) {
        rvmm::print_error({rvmm::Stage::kInternal, exception.what()});
        return rvmm::to_int(rvmm::ExitCode::kInternal);
    }
}
