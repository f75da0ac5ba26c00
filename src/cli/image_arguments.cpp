#include "cli/image_arguments.hpp"

#include "cli/measuring.hpp"

namespace rvmm::cli {

CLI::Option* add_image_arguments(CLI::App& command, ImageArguments& arguments) {
    CLI::Option* config =
        command.add_option("config", arguments.config, "The image's config (docs/image-cfg.md)")
            ->type_name("FILE")
            ->required();
    command.add_flag("--realm", arguments.parsing.force_realm,
                     "Take it as a realm even without a [realm] table");
    command.add_option("--set", arguments.parsing.overrides, "Change one value: KEY=VALUE")
        ->type_name("KEY=VALUE")
        ->take_all()
        ->allow_extra_args(false);
    command
        .add_option("--profile", arguments.profile,
                    "RMM and host to measure for (rvmm profiles); before the config's")
        ->type_name("NAME");
    add_profiles_option(command, arguments.profiles);
    return config;
}

Result<realm::LaunchPlan> make_plan(const ImageArguments& arguments) {
    RVMM_TRY(const ProfileFile profiles, ProfileFile::load(arguments.profiles));
    RVMM_TRY(auto spec, realm::load_config(arguments.config, arguments.parsing));
    if (!arguments.profile.empty() && spec.realm) spec.realm->profile = arguments.profile;
    return realm::LaunchPlan::create(std::move(spec),
                                     {.reading = Reading::kMap, .profiles = &profiles.table});
}

Result<realm::LaunchPlan> make_realm_plan(const ImageArguments& arguments) {
    RVMM_TRY(auto plan, make_plan(arguments));
    if (plan.is_realm()) return plan;
    return std::unexpected(
        Error(Stage::kConfig, fmt::format("{}: it has no [realm] table, and an ordinary VM has no "
                                          "measurement",
                                          arguments.config))
            .with_advice("--realm takes it as a realm"));
}

}  // namespace rvmm::cli
