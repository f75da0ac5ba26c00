#include "vmm/lab/kernel_modules.hpp"

#include <algorithm>
#include <string>

#include "base/file.hpp"

namespace rvmm::vmm::lab {
namespace {

constexpr std::uint64_t kMaxList = 16U << 20;

/// "kernel/drivers/block/virtio-blk.ko.xz" is "virtio_blk".
std::string module_name(std::string_view path) {
    path.remove_prefix(std::min(path.rfind('/') + 1, path.size()));
    std::string name(path.substr(0, path.find(".ko")));
    std::ranges::replace(name, '-', '_');
    return name;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(separator), text.size());
        if (end != 0) parts.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

Result<std::string> read_list(const std::filesystem::path& path) {
    auto bytes = read_file("list of kernel modules", path, kMaxList);
    if (!bytes) return std::unexpected(std::move(bytes).error().with_stage(Stage::kHostCannot));
    return std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size());
}

}  // namespace

std::vector<std::string_view> find_in_modules_dep(std::string_view modules_dep,
                                                  std::string_view module) {
    const std::string wanted = module_name(module);
    for (const std::string_view line : split(modules_dep, '\n')) {
        const std::size_t colon = line.find(':');
        if (colon == line.npos || module_name(line.substr(0, colon)) != wanted) continue;
        // modules.dep lists what a file needs so that the last one has to be loaded first.
        std::vector<std::string_view> files = split(line.substr(colon + 1), ' ');
        std::ranges::reverse(files);
        files.push_back(line.substr(0, colon));
        return files;
    }
    return {};
}

Result<std::vector<std::filesystem::path>> files_for_module(const std::filesystem::path& folder,
                                                            std::string_view module) {
    RVMM_TRY(const std::string modules_dep, read_list(folder / "modules.dep"));
    std::vector<std::filesystem::path> paths;
    for (const std::string_view file : find_in_modules_dep(modules_dep, module))
        paths.push_back(folder / file);
    if (!paths.empty()) return paths;
    RVMM_TRY(const std::string builtin, read_list(folder / "modules.builtin"));
    for (const std::string_view line : split(builtin, '\n'))
        if (module_name(line) == module_name(module)) return paths;
    return fail(Stage::kHostCannot, "the lab's kernel has no module {} in {}", module,
                folder.native());
}

}  // namespace rvmm::vmm::lab
