#include "cli/ps_command.hpp"

#include <memory>

#include "base/exit_code.hpp"
#include "cli/output.hpp"
#include "vmm/control/run_list.hpp"

namespace rvmm::cli {
namespace {

Result<int> list(bool json) {
    RVMM_TRY(const auto runs, vmm::list_runs(vmm::RuntimeFolder::ours()));
    RVMM_CHECK(print(json ? vmm::to_json(runs) : vmm::to_text(runs), "the list"));
    return to_int(ExitCode::kShutdown);
}

}  // namespace

void add_ps_command(CLI::App& app, CommandResult& result) {
    const auto json = std::make_shared<bool>(false);
    CLI::App* command = app.add_subcommand("ps", "What runs: this user's, on this machine");
    command->add_flag("--json", *json, "For scripts: one JSON array");
    command->footer("Examples:\n  rvmm ps\n  rvmm ps --json | jq -r .[].name");
    command->callback([json, &result] { result.value = list(*json); });
}

}  // namespace rvmm::cli
