#include "cli/ctl_command.hpp"

#include <memory>
#include <string>

#include "base/exit_code.hpp"
#include "cli/output.hpp"
#include "vmm/control/run_list.hpp"

namespace rvmm::cli {
namespace {

struct CtlOptions {
    std::string name;
    std::string command;
    std::string request;
    bool json = false;
};

Result<std::string> request_of(const CtlOptions& options) {
    const bool raw = options.command == "raw";
    if (raw && options.request.empty())
        return fail(Stage::kUsage, "raw needs a request: '{{\"execute\": \"query-block\"}}'");
    if (!raw && !options.request.empty())
        return fail(Stage::kUsage, "{} takes no argument", options.command);
    if (raw) return options.request;
    return *vmm::request_for(options.command);
}

Result<int> control(const CtlOptions& options) {
    RVMM_TRY(const std::string request, request_of(options));
    RVMM_TRY(const auto run, vmm::find_run(vmm::RuntimeFolder::ours(), options.name));
    RVMM_TRY(const auto reply, vmm::ask_run(run, request));
    if (options.json) RVMM_CHECK(print(reply.dump() + "\n", "the reply"));
    RVMM_TRY(const std::string text, vmm::reply_text(reply));
    if (!options.json) RVMM_CHECK(print(text, "the reply"));
    return to_int(ExitCode::kShutdown);
}

constexpr const char* kCtlExamples = R"(Commands:
  stop, cont    hold the guest, and let it go on
  powerdown     press its power key
  quit          end the run; its exit code is 143
  status        running, paused
  realm         host, RIM, REMs and RIPAS, as far as they are known
  stats         what was counted so far
  raw JSON      any request of docs/control.md

Examples:
  rvmm ctl web stop
  rvmm ctl web raw '{"execute": "query-block"}'

Exit code 64 if no run has the name, 71 for an error reply or none within 5 s.)";

}  // namespace

void add_ctl_command(CLI::App& app, CommandResult& result) {
    auto options = std::make_shared<CtlOptions>();
    CLI::App* command = app.add_subcommand("ctl", "Ask a running guest, or tell it what to do");
    command->add_option("name", options->name, "What rvmm ps calls it")
        ->type_name("NAME")
        ->required();
    command->add_option("command", options->command, "What to do")
        ->required()
        ->check(CLI::IsMember(
            {"stop", "cont", "powerdown", "quit", "status", "realm", "stats", "raw"}));
    command->add_option("request", options->request, "For raw: a JSON object")->type_name("JSON");
    command->add_flag("--json", options->json, "Print the reply as it came: one JSON object");
    command->footer(kCtlExamples);
    command->callback([options, &result] { result.value = control(*options); });
}

}  // namespace rvmm::cli
