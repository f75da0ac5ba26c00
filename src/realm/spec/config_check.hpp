// Checks one configured value against its key's rule and stores it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "base/error.hpp"
#include "realm/spec/config_keys.hpp"
#include "realm/spec/config_text.hpp"

namespace rvmm::realm {

/// Who said it: a file, or a --set option.
struct Origin {
    std::string name;              // "image.cfg", "--set machine.vcpus=4"
    std::filesystem::path folder;  // what relative paths start from; empty: the current directory
    bool has_lines = false;        // positions mean something

    /// "image.cfg:3:9", or the name alone.
    std::string where(Position position) const;
    /// The error (Stage::kConfig) of what stands at `position`.
    template <class... Args>
    std::unexpected<Error> refuse(Position position, fmt::format_string<Args...> format,
                                  Args&&... args) const {
        return fail(Stage::kConfig, "{}: {}", where(position),
                    fmt::format(format, std::forward<Args>(args)...));
    }
};

struct Setting {
    const ConfigKey* key;
    Position position;  // of the key
    ConfigValue value;
    Origin origin;
    std::size_t element = 0;  // which of the tables, where `key` is one of a list

    /// Where the key stands.
    std::string where() const { return origin.where(position); }
};

/// Stores `setting` in `draft`. Errors start with where the value stands: Stage::kConfig for a
/// value that the rule refuses, Stage::kImage for a file that a ContentsRule cannot read.
Result<> store_setting(const Setting& setting, ConfigDraft& draft);

}  // namespace rvmm::realm
