// The options by which a script looks after a run: what the console is to say, and how long it may
// take.
#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/error.hpp"
#include "vmm/watch/watch_spec.hpp"

namespace rvmm::cli {

struct WatchOptions {
    std::string timeout;
    std::string boot_timeout;
    std::vector<std::string> expect;
    std::vector<std::string> send;
    std::vector<std::string> fail_on;
    bool end_when_met = false;
    bool keep_after_panic = false;
    std::string console_log;
    const CLI::App* command = nullptr;  // knows in which order the options came
};

/// `options` outlives `command`.
void add_watch_options(CLI::App& command, WatchOptions& options);

/// The time runs from here on. `inside_lab`: the outer rvmm has looked at the files. Errors
/// (Stage::kUsage): no time, no regular expression, a --send before any --expect, or nothing to
/// expect where the end hangs on it.
Result<vmm::WatchSpec> watch_spec(const WatchOptions& options, bool inside_lab);

}  // namespace rvmm::cli
