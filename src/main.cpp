// rvmm: launches Arm CCA realms, and knows before a launch what they measure to.
#include <csignal>
#include <exception>
#include <string>

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <unistd.h>

#include "base/exit_code.hpp"
#include "base/log.hpp"
#include "base/version.hpp"
#include "cli/diff_command.hpp"
#include "cli/doctor_command.hpp"
#include "cli/dtb_command.hpp"
#include "cli/explain_command.hpp"
#include "cli/find_command.hpp"
#include "cli/lab_command.hpp"
#include "cli/measure_command.hpp"
#include "cli/profiles_command.hpp"
#include "cli/run_command.hpp"

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

int run(int argc, char** argv) {
    CLI::App app(
        "rvmm launches Arm CCA realms: on CCA hardware, emulated on any arm64 KVM, or in a "
        "lab on any machine.",
        "rvmm");
    app.set_version_flag("--version", std::string("rvmm ") + std::string(rvmm::kVersion));
    app.require_subcommand(1);
    app.footer(
        "Examples:\n"
        "  rvmm run --realm image.cfg   launch an image as a realm\n"
        "  rvmm measure image.cfg       the measurement that it will have\n"
        "  rvmm doctor                  what this machine can run, and what is missing\n"
        "  rvmm lab shell               a shell on a booted arm64 KVM host");
    rvmm::cli::CommandResult result;
    rvmm::cli::add_run_command(app, result);
    rvmm::cli::add_measure_command(app, result);
    rvmm::cli::add_explain_command(app, result);
    rvmm::cli::add_diff_command(app, result);
    rvmm::cli::add_find_command(app, result);
    rvmm::cli::add_dtb_command(app, result);
    rvmm::cli::add_profiles_command(app, result);
    rvmm::cli::add_doctor_command(app, result);
    rvmm::cli::add_lab_command(app, result);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        const bool wanted = error.get_exit_code() == 0;  // --help and --version
        app.exit(error);
        return rvmm::to_int(wanted ? rvmm::ExitCode::kShutdown : rvmm::ExitCode::kUsage);
    }
    if (!result.value) return rvmm::to_int(rvmm::ExitCode::kInternal);
    if (*result.value) return **result.value;
    rvmm::print_error(result.value->error());
    return rvmm::to_int(rvmm::exit_code(result.value->error().stage()));
}

}  // namespace

int main(int argc, char** argv) {
    open_standard_streams();
    // A reader that goes away is an error of a write, not the end of the machine.
    std::signal(SIGPIPE, SIG_IGN);
    try {
        return run(argc, argv);
    } catch (const std::exception& exception) {
        rvmm::print_error({rvmm::Stage::kInternal, exception.what()});
        return rvmm::to_int(rvmm::ExitCode::kInternal);
    }
}
