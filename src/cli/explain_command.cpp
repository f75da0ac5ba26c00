#include "cli/explain_command.hpp"

#include <memory>

#include "base/exit_code.hpp"
#include "cli/image_arguments.hpp"
#include "cli/output.hpp"
#include "realm/plan/explain.hpp"
#include "realm/plan/measurement.hpp"

namespace rvmm::cli {
namespace {

struct ExplainOptions {
    ImageArguments image;
    bool json = false;
};

Result<std::string> document(const realm::LaunchPlan& plan) {
    RVMM_TRY(const auto folded, realm::fold(plan));
    return realm::to_json(realm::make_measurement(plan, folded));
}

Result<int> run(const ExplainOptions& options) {
    RVMM_TRY(const auto plan, make_realm_plan(options.image));
    const auto text = options.json ? document(plan) : realm::explain(plan);
    if (!text) return std::unexpected(text.error());
    RVMM_CHECK(print(*text, "the explanation"));
    return to_int(ExitCode::kShutdown);
}

constexpr const char* kExplainExamples = R"(Examples:
  rvmm explain image.cfg
  rvmm explain image.cfg --profile kvm-v12
  rvmm explain image.cfg --json | jq .steps

docs/explain-and-diff.md shows what it prints.)";

}  // namespace

void add_explain_command(CLI::App& app, CommandResult& result) {
    auto options = std::make_shared<ExplainOptions>();
    CLI::App* command = app.add_subcommand(
        "explain", "What the initial measurement of an image is made of, in order, in words");
    add_image_arguments(*command, options->image);
    command->add_flag("--json", options->json, "For scripts: one JSON document");
    command->footer(kExplainExamples);
    command->callback([options, &result] { result.value = run(*options); });
}

}  // namespace rvmm::cli
