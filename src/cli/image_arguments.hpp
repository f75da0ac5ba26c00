// The arguments of the commands that look at an image without running it.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include "realm/plan/launch_plan.hpp"

namespace rvmm::cli {

struct ImageArguments {
    std::string config;
    realm::ConfigOptions parsing;
    std::string profile;
    std::string profiles;
};

/// Adds the config, --realm, --set, --profile and --profiles to `command`. `arguments` lives as
/// long as it. Returns the config, which is required.
CLI::Option* add_image_arguments(CLI::App& command, ImageArguments& arguments);

/// The plan that `rvmm run` would launch with the same arguments. Its files are mapped: it is for a
/// single pass.
Result<realm::LaunchPlan> make_plan(const ImageArguments& arguments);
/// The same of a realm. Errors (Stage::kConfig): it is an ordinary VM.
Result<realm::LaunchPlan> make_realm_plan(const ImageArguments& arguments);

}  // namespace rvmm::cli
