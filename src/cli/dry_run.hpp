// `rvmm run --dry-run`: what a run would do, up to the launch, and where.
#pragma once

#include <CLI/CLI.hpp>

#include "base/error.hpp"
#include "realm/plan/fold.hpp"
#include "vmm/run/run_image.hpp"

namespace rvmm::cli {

/// A run that would be.
struct DryRun {
    const realm::LaunchPlan& plan;
    const realm::Folded& folded;  // of `plan`; of an ordinary VM's nothing is read
    const vmm::HostChoice& choice;
    const vmm::HostWishes& wishes;
    const vmm::lab::LabSearch& lab;
};

/// For people: the host and why no better one, the guest's memory, and what it measures to.
std::string dry_run_text(const DryRun& run);
/// The same as one JSON object, in a line of its own.
std::string dry_run_json(const DryRun& run);

/// Prints one of them to standard output. The exit code: 0.
Result<int> print_dry_run(const DryRun& run, bool json);

/// Adds --dry-run to `command`, which has all options that name a file to write already: none of
/// them can be given beside it.
void add_dry_run_option(CLI::App& command, bool& dry_run);

}  // namespace rvmm::cli
