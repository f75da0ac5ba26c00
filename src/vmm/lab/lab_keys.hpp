// The keys of a file that describes a lab's machine, as one table: what each takes and where it
// goes. Parsing, the search for unknown keys and the reference (docs/lab.md, by test) follow it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "realm/spec/config_text.hpp"
#include "vmm/lab/lab_machine.hpp"

namespace rvmm::vmm::lab {

/// A machine in the making.
struct LabDraft {
    LabMachine machine;
    std::filesystem::path folder;  // that relative paths start from
    std::size_t element = 0;       // of machine.loader: the one that a [[loader]] key belongs to
};

struct LabKey {
    std::string_view table;
    std::string_view name;
    std::string_view takes;  // "a whole number from 1 to 8"
    /// Stores the value, or says that it is none that the key takes.
    bool (*take)(const realm::ConfigValue& value, LabDraft& draft);
};

/// Every key there is, table by table.
std::span<const LabKey> lab_keys();
/// The key `table`.`name`, or nullptr.
const LabKey* find_lab_key(std::string_view table, std::string_view name);
bool is_lab_table(std::string_view name);

/// "unknown key machine.cpu; did you mean machine.cpus?", or what there is if nothing is near.
std::string unknown_lab_key(std::string_view table, std::string_view name);
/// The same for a top-level name that is no table.
std::string unknown_lab_table(std::string_view name);

}  // namespace rvmm::vmm::lab
