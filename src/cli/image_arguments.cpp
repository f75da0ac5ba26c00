#include "cli/image_arguments.hpp"

namespace rvmm::cli {

void add_image_arguments(CLI::App& command, ImageArguments& arguments) {
    command.add_option("config", arguments.config, "The image's config (docs/image-cfg.md)")
        ->required();
    command.add_flag("--realm", arguments.parsing.force_realm,
                     "Take it as a realm even without a [realm] table");
    command.add_option("--set", arguments.parsing.overrides, "Change one value: KEY=VALUE")
        ->take_all()
        ->allow_extra_args(false);
}

Result<realm::LaunchPlan> make_plan(const ImageArguments& arguments) {
    RVMM_TRY(auto spec, realm::load_config(arguments.config, arguments.parsing));
    return realm::LaunchPlan::create(std::move(spec), {.reading = Reading::kMap});
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
