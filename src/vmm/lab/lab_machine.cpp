#include "vmm/lab/lab_machine.hpp"

#include <algorithm>
#include <map>

#include "base/file.hpp"
#include "realm/spec/config_check.hpp"
#include "vmm/lab/lab_keys.hpp"

namespace rvmm::vmm::lab {
namespace {

namespace fs = std::filesystem;
using realm::ConfigEntry;
using realm::ConfigValue;
using realm::Position;

constexpr std::uint64_t kMaxFileSize = 1U << 20;

class Reader {
  public:
    explicit Reader(const fs::path& path) : origin_{path.string(), {}, true} {
        draft_.machine.source = path;
        draft_.folder = path.parent_path();
    }

    Result<LabMachine> read(std::string_view text) {
        RVMM_TRY(const auto entries, realm::read_toml(text, origin_.name));
        for (const ConfigEntry& entry : entries)
            RVMM_CHECK(entry.key ? add_key(entry) : add_table(entry));
        RVMM_CHECK(check_loader());
        RVMM_CHECK(check_kernel_place());
        if (has("machine", "firmware") && has("machine", "flash"))
            return origin_.refuse(position("machine", "flash"),
                                  "machine.flash and machine.firmware cannot both be given");
        if (has("kernel", "modules") && !has("kernel", "image"))
            return origin_.refuse(position("kernel", "modules"),
                                  "kernel.modules needs kernel.image");
        return std::move(draft_.machine);
    }

  private:
    Result<> add_table(const ConfigEntry& entry) {
        if (!is_lab_table(entry.table))
            return origin_.refuse(entry.position, "{}", unknown_lab_table(entry.table));
        if (entry.table == "loader") return add_loader(entry);
        if (std::holds_alternative<ConfigValue::Table>(entry.value.data)) return {};
        return origin_.refuse(entry.position, "{} must be a table, [{}], not {}", entry.table,
                              entry.table, realm::show(entry.value));
    }

    Result<> add_loader(const ConfigEntry& entry) {
        const auto* list = std::get_if<ConfigValue::List>(&entry.value.data);
        const bool tables = list != nullptr && std::ranges::all_of(*list, [](const auto& element) {
                                return std::holds_alternative<ConfigValue::Table>(element.data);
                            });
        if (!tables) return no_loader(entry);
        draft_.machine.loader.resize(list->size());
        for (const ConfigValue& element : *list) loader_.push_back({element.position});
        return {};
    }

    std::unexpected<Error> no_loader(const ConfigEntry& entry) const {
        return origin_.refuse(entry.position, "loader must be tables in an array, [[loader]]");
    }

    Result<> add_key(const ConfigEntry& entry) {
        const LabKey* key = find_lab_key(entry.table, *entry.key);
        if (key == nullptr)
            return origin_.refuse(entry.position, "{}", unknown_lab_key(entry.table, *entry.key));
        // A dotted key may come before its table, whose error this is.
        if (entry.table == "loader" && entry.element.value_or(SIZE_MAX) >= loader_.size())
            return no_loader(entry);
        draft_.element = entry.element.value_or(0);
        if (!key->take(entry.value, draft_))
            return origin_.refuse(entry.value.position, "{}.{} must be {}, not {}", key->table,
                                  key->name, key->takes, realm::show(entry.value));
        positions_[key] = entry.position;
        if (entry.element) loader_[*entry.element].keys.push_back(key);
        return {};
    }

    Result<> check_loader() const {
        for (const LoaderTable& table : loader_)
            for (const LabKey& key : lab_keys())
                if (key.table == "loader" &&
                    std::ranges::find(table.keys, &key) == table.keys.end())
                    return origin_.refuse(table.position, "loader.{} is missing: it must be {}",
                                          key.name, key.takes);
        return {};
    }

    /// A kernel in memory is started by a firmware, which finds no initramfs by itself.
    Result<> check_kernel_place() const {
        for (const auto& [name, other] :
             {std::pair{"address", "initrd_address"}, std::pair{"initrd_address", "address"}}) {
            if (!has("kernel", name)) continue;
            if (!has("kernel", other))
                return origin_.refuse(position("kernel", name), "kernel.{} needs kernel.{}", name,
                                      other);
            if (!has("machine", "firmware") && !has("machine", "flash"))
                return origin_.refuse(position("kernel", name),
                                      "kernel.{} needs machine.firmware or machine.flash", name);
        }
        return {};
    }

    bool has(std::string_view table, std::string_view name) const {
        return positions_.contains(find_lab_key(table, name));
    }
    Position position(std::string_view table, std::string_view name) const {
        return positions_.at(find_lab_key(table, name));
    }

    struct LoaderTable {
        Position position;
        std::vector<const LabKey*> keys = {};
    };

    realm::Origin origin_;
    LabDraft draft_;
    std::map<const LabKey*, Position> positions_;
    std::vector<LoaderTable> loader_;
};

}  // namespace

Result<LabMachine> LabMachine::load(const fs::path& path) {
    RVMM_TRY(const Bytes bytes, read_file("lab", path, kMaxFileSize));
    return parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
}

Result<LabMachine> LabMachine::parse(std::string_view text, const fs::path& path) {
    return Reader(path).read(text);
}

std::vector<MachineFile> machine_files(const LabMachine& machine) {
    std::vector<MachineFile> files;
    if (!machine.firmware.empty()) files.push_back({"firmware", machine.firmware});
    for (const fs::path& path : machine.flash) files.push_back({"flash", path});
    for (const LoaderItem& item : machine.loader) files.push_back({"loader-file", item.file});
    return files;
}

}  // namespace rvmm::vmm::lab
