#include "cli/diff_command.hpp"

#include <memory>
#include <string>

#include "base/exit_code.hpp"
#include "cli/measuring.hpp"
#include "cli/output.hpp"
#include "realm/plan/compare.hpp"

namespace rvmm::cli {
namespace {

struct DiffOptions {
    std::string a;
    std::string b;
    realm::ConfigOptions parsing;
    std::string profiles;
    bool json = false;
};

Result<int> run(const DiffOptions& options) {
    RVMM_TRY(const ProfileFile profiles, ProfileFile::load(options.profiles));
    RVMM_TRY(const auto a, realm::load_measured_input(options.a, options.parsing, profiles.table));
    RVMM_TRY(const auto b, realm::load_measured_input(options.b, options.parsing, profiles.table));
    RVMM_TRY(const auto comparison, realm::compare(a, b));
    const std::string text = options.json ? to_json(comparison, a, b) : to_text(comparison, a, b);
    RVMM_CHECK(print(text, "the comparison"));
    return to_int(comparison.same ? ExitCode::kShutdown : ExitCode::kMeasurement);
}

constexpr const char* kDiffExamples =
    R"(Each of A and B is a config, a measurement log, a measurement document (rvmm explain --json) or
a CoRIM; their contents tell which. Exit code 0 if the RIMs are the same, 76 if they differ.

Examples:
  rvmm diff image.cfg other.cfg
  rvmm diff image.cfg measured-last-week.json
  rvmm diff here.log there.log --json

docs/explain-and-diff.md shows what it prints.)";

}  // namespace

void add_diff_command(CLI::App& app, CommandResult& result) {
    auto options = std::make_shared<DiffOptions>();
    CLI::App* command =
        app.add_subcommand("diff", "The first extension in which two measurements differ, and why");
    command->add_option("A", options->a, "A config, log, document or CoRIM")
        ->type_name("FILE")
        ->required();
    command->add_option("B", options->b, "Another")->type_name("FILE")->required();
    command->add_flag("--realm", options->parsing.force_realm,
                      "Take configs as realms even without a [realm] table");
    add_profiles_option(*command, options->profiles);
    command->add_flag("--json", options->json, "For scripts: one JSON document");
    command->footer(kDiffExamples);
    command->callback([options, &result] { result.value = run(*options); });
}

}  // namespace rvmm::cli
