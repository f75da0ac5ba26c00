#include "cli/commands.hpp"

#include <string>

#include <CLI/CLI.hpp>

#include "base/exit_code.hpp"
#include "base/log.hpp"
#include "base/version.hpp"
#include "cli/completion_command.hpp"
#include "cli/ctl_command.hpp"
#include "cli/diff_command.hpp"
#include "cli/doctor_command.hpp"
#include "cli/dtb_command.hpp"
#include "cli/explain_command.hpp"
#include "cli/find_command.hpp"
#include "cli/lab_command.hpp"
#include "cli/man_command.hpp"
#include "cli/measure_command.hpp"
#include "cli/profiles_command.hpp"
#include "cli/ps_command.hpp"
#include "cli/run_command.hpp"
#include "cli/test_command.hpp"
#include "cli/token_command.hpp"

namespace rvmm::cli {

int run_commands(int argc, char** argv) {
    CLI::App app(
        "rvmm launches Arm CCA realms: on CCA hardware, emulated on any arm64 KVM, or in a "
        "lab on any machine.",
        "rvmm");
    app.set_version_flag("--version", std::string("rvmm ") + std::string(kVersion));
    app.require_subcommand(1);
    app.footer(
        "Examples:\n"
        "  rvmm run --realm image.cfg   launch an image as a realm\n"
        "  rvmm measure image.cfg       the measurement that it will have\n"
        "  rvmm doctor                  what this machine can run, and what is missing\n"
        "  rvmm lab shell               a shell on a booted arm64 KVM host\n"
        "  rvmm man run | man -l -      the manual page of a command");
    CommandResult result;
    add_run_command(app, result);
    add_test_command(app, result);
    add_measure_command(app, result);
    add_explain_command(app, result);
    add_diff_command(app, result);
    add_find_command(app, result);
    add_dtb_command(app, result);
    add_profiles_command(app, result);
    add_token_command(app, result);
    add_ps_command(app, result);
    add_ctl_command(app, result);
    add_doctor_command(app, result);
    add_lab_command(app, result);
    add_completion_command(app, result);
    add_man_command(app, result);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        const bool wanted = error.get_exit_code() == 0;  // --help and --version
        app.exit(error);
        return to_int(wanted ? ExitCode::kShutdown : ExitCode::kUsage);
    }
    if (!result.value) return to_int(ExitCode::kInternal);
    if (*result.value) return **result.value;
    print_error(result.value->error());
    return to_int(exit_code(result.value->error().stage()));
}

}  // namespace rvmm::cli
