// The options that describe a realm of another VMM's: `rvmm measure --layout kvmtool|qemu ...`.
#pragma once

#include <CLI/CLI.hpp>

#include "realm/plan/foreign_plan.hpp"

namespace rvmm::cli {

/// Adds --layout, which is returned, and those that go with it: --dtb, --kernel, --firmware,
/// --initrd, --memory, --event-log, --ipa-bits, --hash, --breakpoints, --watchpoints, --sve-vl,
/// --pmu-counters and --round. Each but --layout needs --layout. `realm` lives as long as
/// `command`; its profile is for the caller to set.
CLI::Option* add_foreign_options(CLI::App& command, realm::ForeignRealm& realm);

}  // namespace rvmm::cli
