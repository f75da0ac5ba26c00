#include "cli/doctor_command.hpp"

#include <memory>

#include <unistd.h>

#include "base/exit_code.hpp"
#include "base/file.hpp"
#include "cli/kvm_access.hpp"
#include "cli/lab_option.hpp"
#include "vmm/doctor/doctor.hpp"

namespace rvmm::cli {
namespace {

struct DoctorOptions {
    bool json = false;
    std::string lab;
    std::string record;
};

Result<int> run(const DoctorOptions& options) {
    RVMM_TRY(const auto lab, vmm::lab::LabSearch::from_environment(options.lab));
    RVMM_TRY(const auto kvm, KvmAccess::create(options.record));
    const auto diagnosis =
        vmm::diagnose(vmm::find_host_facts(kvm->driver(), {.details = true}, lab), lab);
    const auto recorded = kvm->finish();
    const std::string text = options.json ? vmm::to_json(diagnosis) + "\n"
                                          : vmm::to_text(diagnosis, ::isatty(STDOUT_FILENO) == 1);
    RVMM_CHECK(write_all(Stage::kInternal, STDOUT_FILENO, as_bytes(text), "the diagnosis"));
    RVMM_CHECK(recorded);
    const bool any = diagnosis.cca || diagnosis.emulated || diagnosis.lab;
    return to_int(any ? ExitCode::kShutdown : ExitCode::kHostCannot);
}

}  // namespace

void add_doctor_command(CLI::App& app, CommandResult& result) {
    auto options = std::make_shared<DoctorOptions>();
    CLI::App* command =
        app.add_subcommand("doctor", "What this machine can run, and what to do where it cannot");
    command->add_flag("--json", options->json, "For scripts: one JSON document");
    add_lab_option(*command, options->lab);
    add_record_option(*command, options->record);
    command->footer(
        "Exit code 0 if realms can be run here in some way, 69 if not.\n\n"
        "Examples:\n  rvmm doctor\n  rvmm doctor --json | jq .can");
    command->callback([options, &result] { result.value = run(*options); });
}

}  // namespace rvmm::cli
