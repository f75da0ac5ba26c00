// What the commands that measure have in common: the table of profiles and the log.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <CLI/CLI.hpp>

#include "base/error.hpp"
#include "realm/plan/fold.hpp"
#include "realm/plan/profile.hpp"

namespace rvmm::cli {

/// The table of profiles that a command uses, and the user's text that it was made with.
struct ProfileFile {
    realm::ProfileTable table;
    std::string text;  // empty: the built-in table

    /// `path` is empty for the built-in table. Errors as ProfileTable::with_text() and read_file().
    static Result<ProfileFile> load(const std::string& path);
};
void add_profiles_option(CLI::App& command, std::string& path);

/// Folds `plan`. Its measurement log goes to the new file `log`, unless that is empty.
Result<realm::Folded> fold_with_log(const realm::LaunchPlan& plan, const std::string& log,
                                    std::function<void(std::uint64_t, std::uint64_t)> progress);

}  // namespace rvmm::cli
