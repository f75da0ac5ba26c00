#include "cli/profiles_command.hpp"

#include <memory>
#include <string>

#include "base/exit_code.hpp"
#include "cli/measuring.hpp"
#include "cli/output.hpp"
#include "realm/plan/profile_text.hpp"

namespace rvmm::cli {
namespace {

struct ProfilesOptions {
    std::string name;
    std::string profiles;
    bool json = false;
};

Result<int> run(const ProfilesOptions& options) {
    RVMM_TRY(const ProfileFile file, ProfileFile::load(options.profiles));
    std::span<const realm::Profile> rows = file.table.rows();
    if (!options.name.empty()) {
        RVMM_TRY(const realm::Profile* profile, file.table.find(options.name));
        rows = std::span(profile, 1);
    }
    const std::string text = options.json           ? realm::to_json(rows)
                             : options.name.empty() ? realm::to_text(rows)
                                                    : realm::to_text(rows.front());
    RVMM_CHECK(print(text, "the profiles"));
    return to_int(ExitCode::kShutdown);
}

constexpr const char* kProfilesExamples = R"(Examples:
  rvmm profiles                         all of them; the first is the default
  rvmm profiles kvm-v12                 all that is known of one
  rvmm profiles --profiles mine.toml    with those of a file of your own
  rvmm profiles --json | jq -r '.profiles[].name'

docs/measure.md explains what a profile decides, and the format of the file.)";

}  // namespace

void add_profiles_command(CLI::App& app, CommandResult& result) {
    auto options = std::make_shared<ProfilesOptions>();
    CLI::App* command =
        app.add_subcommand("profiles", "The RMMs and hosts that realms can be measured for");
    command->add_option("name", options->name, "Only this profile, by its name or its host's")
        ->type_name("NAME");
    command->add_flag("--json", options->json, "For scripts: one JSON document");
    add_profiles_option(*command, options->profiles);
    command->footer(kProfilesExamples);
    command->callback([options, &result] { result.value = run(*options); });
}

}  // namespace rvmm::cli
