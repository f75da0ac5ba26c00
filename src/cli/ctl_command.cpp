#include "cli/ctl_command.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/exit_code.hpp"
#include "base/text.hpp"
#include "cli/output.hpp"
#include "vmm/control/run_list.hpp"

namespace rvmm::cli {
namespace {

struct CtlOptions {
    std::string name;
    std::string command;
    std::string request;
    bool json = false;
    std::string wait;
};

Result<std::string> request_of(const CtlOptions& options) {
    const bool raw = options.command == "raw";
    if (raw && options.request.empty())
        return fail(Stage::kUsage, "raw needs a request: '{{\"execute\": \"query-block\"}}'");
    if (!raw && !options.request.empty())
        return fail(Stage::kUsage, "{} takes no argument", options.command);
    if (raw) {
        RVMM_CHECK(vmm::check_request(options.request));
        return options.request;
    }
    return *vmm::request_for(options.command);
}

/// How long to wait for the end of the run; nothing: not at all.
Result<std::optional<std::chrono::nanoseconds>> wait_of(const CtlOptions& options) {
    if (options.wait.empty()) return std::nullopt;
    if (options.command != "powerdown" && options.command != "quit")
        return fail(Stage::kUsage, "--wait is for powerdown and quit: {} ends no run",
                    options.command);
    const auto time = parse_duration(options.wait);
    if (!time) return fail(Stage::kUsage, "--wait takes a time such as 30s, not {}", options.wait);
    return time;
}

Result<int> control(const CtlOptions& options) {
    RVMM_TRY(const std::string request, request_of(options));
    RVMM_TRY(const auto wait, wait_of(options));
    RVMM_TRY(const auto run, vmm::find_run(vmm::RuntimeFolder::ours(), options.name));
    RVMM_TRY(const auto reply, vmm::ask_run(run, request));
    if (options.json) RVMM_CHECK(print(reply.dump() + "\n", "the reply"));
    RVMM_TRY(const std::string text, vmm::reply_text(reply));
    if (!options.json) RVMM_CHECK(print(text, "the reply"));
    if (wait) RVMM_CHECK(vmm::wait_for_end(run, *wait));
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
  rvmm ctl web powerdown --wait 1m
  rvmm ctl web raw '{"execute": "query-block"}'

A run that is launching answers when it has begun; ctl waits for it within the same 5 s.

Exit code 64 if no run has the name or the request of raw is no JSON object, 69 if the folder of the
runs cannot be used, 71 for an error reply or none within 5 s, or no end within the time of
--wait.)";

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
    command
        ->add_option("--wait", options->wait,
                     "powerdown, quit: wait until the run has ended, no longer than this")
        ->type_name("TIME");
    command->footer(kCtlExamples);
    command->callback([options, &result] { result.value = control(*options); });
}

}  // namespace rvmm::cli
