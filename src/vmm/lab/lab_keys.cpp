#include "vmm/lab/lab_keys.hpp"

#include <algorithm>
#include <array>

#include <fmt/ranges.h>

#include "base/file.hpp"
#include "base/text.hpp"

namespace rvmm::vmm::lab {
namespace {

namespace fs = std::filesystem;
using realm::ConfigValue;

constexpr std::size_t kMaxText = 4096;        // one argument of QEMU
constexpr std::size_t kMaxKernelText = 1900;  // arm64 Linux takes 2047, with the lab's own
constexpr std::size_t kMaxArguments = 256;
constexpr std::size_t kMaxFlash = 2;  // QEMU's "virt" has two banks
constexpr std::int64_t kMaxBootLimit = 3600;
constexpr std::int64_t kMaxAddress = (std::int64_t{1} << 48) - 1;
constexpr std::array<std::string_view, 2> kRealmNames = {"emulated", "cca"};
constexpr std::array<std::string_view, 3> kTables = {"machine", "kernel", "loader"};

// Each takes one value, or says that it is not what the key takes.

const std::string* text_of(const ConfigValue& value, std::size_t min, std::size_t max) {
    const auto* text = std::get_if<std::string>(&value.data);
    if (text == nullptr || text->size() < min || text->size() > max) return nullptr;
    return realm::printable(*text, text->size()) == *text ? text : nullptr;
}

std::optional<std::int64_t> as_number(const ConfigValue& value, std::int64_t min,
                                      std::int64_t max) {
    const auto* number = std::get_if<std::int64_t>(&value.data);
    if (number == nullptr || *number < min || *number > max) return std::nullopt;
    return *number;
}

std::optional<fs::path> as_path(const ConfigValue& value, const fs::path& folder) {
    const std::string* text = text_of(value, 1, kMaxPath);
    return text == nullptr ? std::nullopt : std::optional(folder / *text);
}

template <auto Field, std::size_t Min, std::size_t Max>
bool text(const ConfigValue& value, LabDraft& draft) {
    const std::string* taken = text_of(value, Min, Max);
    if (taken != nullptr) draft.machine.*Field = *taken;
    return taken != nullptr;
}

template <auto Field>
bool path(const ConfigValue& value, LabDraft& draft) {
    auto taken = as_path(value, draft.folder);
    if (!taken) return false;
    draft.machine.*Field = *std::move(taken);
    return true;
}

template <auto Field>
bool address(const ConfigValue& value, LabDraft& draft) {
    const auto taken = as_number(value, 0, kMaxAddress);
    if (taken) draft.machine.*Field = static_cast<std::uint64_t>(*taken);
    return taken.has_value();
}

/// The name of a program stays as it is; a path is the file's own.
bool qemu(const ConfigValue& value, LabDraft& draft) {
    const std::string* taken = text_of(value, 1, kMaxPath);
    if (taken == nullptr) return false;
    const bool is_path = taken->find('/') != std::string::npos;
    draft.machine.qemu = is_path ? (draft.folder / *taken).native() : *taken;
    return true;
}

bool cpus(const ConfigValue& value, LabDraft& draft) {
    const auto taken = as_number(value, 1, kMostLabCpus);
    if (taken) draft.machine.cpus = static_cast<unsigned>(*taken);
    return taken.has_value();
}

bool memory(const ConfigValue& value, LabDraft& draft) {
    std::optional<std::uint64_t> taken;
    if (const auto* size = std::get_if<std::string>(&value.data))
        taken = parse_size(*size);
    else if (const auto number = as_number(value, 0, INT64_MAX))
        taken = static_cast<std::uint64_t>(*number);
    if (!taken || !is_lab_memory(*taken)) return false;
    draft.machine.memory = taken;
    return true;
}

bool flash(const ConfigValue& value, LabDraft& draft) {
    const auto* list = std::get_if<ConfigValue::List>(&value.data);
    if (list == nullptr || list->empty() || list->size() > kMaxFlash) return false;
    for (const ConfigValue& element : *list) {
        auto taken = as_path(element, draft.folder);
        if (!taken) return false;
        draft.machine.flash.push_back(*std::move(taken));
    }
    return true;
}

bool arguments(const ConfigValue& value, LabDraft& draft) {
    const auto* list = std::get_if<ConfigValue::List>(&value.data);
    if (list == nullptr || list->size() > kMaxArguments) return false;
    for (const ConfigValue& element : *list) {
        const std::string* taken = text_of(element, 0, kMaxText);
        if (taken == nullptr) return false;
        draft.machine.arguments.push_back(*taken);
    }
    return true;
}

bool boot_limit(const ConfigValue& value, LabDraft& draft) {
    const auto taken = as_number(value, 1, kMaxBootLimit);
    if (taken) draft.machine.boot_limit = std::chrono::seconds(*taken);
    return taken.has_value();
}

bool realms(const ConfigValue& value, LabDraft& draft) {
    const auto* name = std::get_if<std::string>(&value.data);
    const auto found = name == nullptr ? kRealmNames.end() : std::ranges::find(kRealmNames, *name);
    if (found == kRealmNames.end()) return false;
    draft.machine.realms = static_cast<LabRealms>(found - kRealmNames.begin());
    return true;
}

bool loader_file(const ConfigValue& value, LabDraft& draft) {
    auto taken = as_path(value, draft.folder);
    if (!taken) return false;
    draft.machine.loader[draft.element].file = *std::move(taken);
    return true;
}

bool loader_address(const ConfigValue& value, LabDraft& draft) {
    const auto taken = as_number(value, 0, kMaxAddress);
    if (taken) draft.machine.loader[draft.element].address = static_cast<std::uint64_t>(*taken);
    return taken.has_value();
}

using Machine = LabMachine;
constexpr std::string_view kPath = "the path of a file";
constexpr std::string_view kText = "a string of 1 to 4096 bytes without control characters";
constexpr std::string_view kAddress = "an address up to 0xffff_ffff_ffff, such as 0x4800_0000";

// clang-format off
constexpr auto kKeys = std::to_array<LabKey>({
    {"machine", "qemu", "the name of a program in PATH, or a path with a slash", qemu},
    {"machine", "machine", kText, text<&Machine::machine, 1, kMaxText>},
    {"machine", "cpu", kText, text<&Machine::cpu, 1, kMaxText>},
    {"machine", "cpus", "a whole number from 1 to 8", cpus},
    {"machine", "memory", "a size from 512M to 255G in steps of 1M, such as \"4G\"", memory},
    {"machine", "firmware", kPath, path<&Machine::firmware>},
    {"machine", "flash", "an array of one or two paths of files", flash},
    {"machine", "arguments", "an array of up to 256 strings", arguments},
    {"machine", "boot_limit", "a whole number of seconds from 1 to 3600", boot_limit},
    {"machine", "realms", "\"emulated\" or \"cca\"", realms},

    {"kernel", "image", kPath, path<&Machine::kernel>},
    {"kernel", "modules", "the path of a folder", path<&Machine::modules>},
    {"kernel", "arguments", "a string of up to 1900 bytes without control characters",
     text<&Machine::kernel_arguments, 0, kMaxKernelText>},
    {"kernel", "address", kAddress, address<&Machine::kernel_address>},
    {"kernel", "initrd_address", kAddress, address<&Machine::initrd_address>},

    {"loader", "file", kPath, loader_file},
    {"loader", "address", kAddress, loader_address},
});
// clang-format on

std::vector<std::string_view> key_names(std::string_view table) {
    std::vector<std::string_view> names;
    for (const LabKey& key : kKeys)
        if (table.empty() || key.table == table) names.push_back(key.name);
    return names;
}

}  // namespace

std::string_view to_string(LabRealms realms) {
    return kRealmNames[static_cast<std::size_t>(realms)];
}

bool is_lab_memory(std::uint64_t bytes) {
    return bytes >= kLeastLabMemory && bytes <= kMostLabMemory && bytes % kLabMemoryStep == 0;
}

std::span<const LabKey> lab_keys() {
    return kKeys;
}

const LabKey* find_lab_key(std::string_view table, std::string_view name) {
    for (const LabKey& key : kKeys)
        if (key.table == table && key.name == name) return &key;
    return nullptr;
}

bool is_lab_table(std::string_view name) {
    return std::ranges::find(kTables, name) != kTables.end();
}

std::string unknown_lab_key(std::string_view table, std::string_view name) {
    const std::string what =
        fmt::format("unknown key {}.{}", table, realm::printable(name, realm::kShownKey));
    if (const auto near = nearest(name, key_names(table)))
        return fmt::format("{}; did you mean {}.{}?", what, table, *near);
    return fmt::format("{}; the keys of [{}] are {}", what, table,
                       fmt::join(key_names(table), ", "));
}

std::string unknown_lab_table(std::string_view name) {
    const std::string what =
        fmt::format("unknown table [{}]", realm::printable(name, realm::kShownKey));
    if (const auto near = nearest(name, kTables))
        return fmt::format("{}; did you mean [{}]?", what, *near);
    if (const auto near = nearest(name, key_names({}))) {
        const auto key = std::ranges::find(kKeys, *near, &LabKey::name);
        return fmt::format("{}; did you mean the key {}.{}?", what, key->table, *near);
    }
    return fmt::format("{}; the tables are {}", what, fmt::join(kTables, ", "));
}

}  // namespace rvmm::vmm::lab
