#include "vmm/lab/lab_config.hpp"

#include <cstdlib>

#include <unistd.h>

#include "base/file.hpp"
#include "base/json_fields.hpp"

namespace rvmm::vmm::lab {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxManifest = 1U << 20;
constexpr const char* kSetup = "run scripts/setup";

std::optional<fs::path> variable(const char* name) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
    if (value == nullptr || *value == '\0') return std::nullopt;
    return fs::path(value);
}

fs::path cache_folder() {
    if (auto folder = variable("RVMM_CACHE")) return *folder;
    if (auto folder = variable("XDG_CACHE_HOME")) return *folder / "rvmm";
    return variable("HOME").value_or("/") / ".cache/rvmm";
}

bool is_file(const fs::path& path) {
    std::error_code ignored;
    return fs::is_regular_file(path, ignored);
}

bool is_folder(const fs::path& path) {
    std::error_code ignored;
    return fs::is_directory(path, ignored);
}

bool is_program(const fs::path& path) {
    return is_file(path) && ::access(path.c_str(), X_OK) == 0;
}

std::string correct(const LabMachine& machine) {
    return fmt::format("correct {}", machine.source.native());
}

std::unexpected<Error> missing(std::string_view what, std::string advice = kSetup) {
    return std::unexpected(Error(Stage::kHostCannot, fmt::format("the lab needs {}", what))
                               .with_advice(std::move(advice)));
}

}  // namespace

Result<fs::path> find_qemu(const LabMachine& machine, std::string_view path) {
    if (machine.qemu.find('/') != std::string::npos) {
        if (is_program(machine.qemu)) return machine.qemu;
        return missing(fmt::format("{}, which is not a program that can be run", machine.qemu),
                       correct(machine));
    }
    while (!path.empty()) {
        const std::size_t end = std::min(path.find(':'), path.size());
        fs::path candidate = fs::path(path.substr(0, end)) / machine.qemu;
        if (end != 0 && is_program(candidate)) return candidate;
        path.remove_prefix(std::min(end + 1, path.size()));
    }
    const bool stock = machine.qemu == LabMachine().qemu;
    return missing(fmt::format("{}, which is not in PATH", machine.qemu),
                   stock ? std::string(kSetup) : correct(machine));
}

namespace {

Result<nlohmann::json> read_manifest(const fs::path& cache) {
    const fs::path path = cache / "manifest.json";
    if (!is_file(path)) return missing(path.native() + ", which is not there");
    auto bytes = read_file("manifest", path, kMaxManifest);
    if (!bytes) return std::unexpected(std::move(bytes).error().with_stage(Stage::kHostCannot));
    auto manifest = parse_object({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
    if (!manifest) return missing(path.native() + ", which is not a manifest");
    return *std::move(manifest);
}

/// The value of `section`.`key` in the manifest, if it is a text and not empty.
std::optional<std::string> entry(const nlohmann::json& manifest, const char* section,
                                 const char* key) {
    const nlohmann::json* body = member(manifest, section);
    auto text = body == nullptr ? std::nullopt : as_text(member(*body, key));
    return text && !text->empty() ? text : std::nullopt;
}

Result<fs::path> cached_file(const fs::path& cache, const nlohmann::json& manifest,
                             const char* section, const char* key) {
    const auto name = entry(manifest, section, key);
    if (name && is_file(cache / *name)) return cache / *name;
    return missing(fmt::format("{}, which is not in {}", section, cache.native()));
}

Result<fs::path> find_arm64_rvmm(const LabSearch& search) {
    if (search.arm64_rvmm) {
        RVMM_CHECK(check_static_arm64("RVMM_ARM64", *search.arm64_rvmm));
        return *search.arm64_rvmm;
    }
    const fs::path folder = search.executable.parent_path();
    for (const fs::path& candidate : {folder / "rvmm-arm64", folder / "../arm64/rvmm"}) {
        if (!is_file(candidate)) continue;
        RVMM_CHECK(check_static_arm64("the arm64 rvmm", candidate));
        return candidate.lexically_normal();
    }
    if (check_static_arm64("rvmm", search.executable)) return search.executable;
    return missing("a static arm64 rvmm", "build the preset arm64, or set RVMM_ARM64");
}

/// The modules in the cache, if they belong to `kernel`: it may be what setup was given, or not.
std::optional<fs::path> modules_for(const std::optional<fs::path>& own_kernel,
                                    const fs::path& cache, const nlohmann::json& manifest) {
    const auto modules = entry(manifest, "host_kernel", "modules");
    const auto release = entry(manifest, "host_kernel", "release");
    if (!modules || !release) return std::nullopt;
    if (own_kernel) {
        const auto source = entry(manifest, "host_kernel", "source");
        std::error_code ignored;
        if (!source || !fs::equivalent(*source, *own_kernel, ignored)) return std::nullopt;
    }
    return cache / *modules / "lib/modules" / *release;
}

/// QEMU unpacks the kernel that it boots itself; one that it puts into memory stays as it is.
Packed packed_kernel(const LabMachine& machine) {
    return machine.kernel_address ? Packed::kRefused : Packed::kAllowed;
}

Result<> use_named_kernel(const LabMachine& machine, LabConfig& config) {
    config.kernel = machine.kernel;
    RVMM_CHECK(check_kernel("the lab's kernel", config.kernel, packed_kernel(machine)));
    if (machine.modules.empty()) return {};
    if (!is_file(machine.modules / "modules.dep"))
        return missing(
            fmt::format("{}, which is not there", (machine.modules / "modules.dep").native()),
            "name the folder lib/modules/RELEASE, after depmod -b");
    config.modules = machine.modules;
    return {};
}

Result<> check_machine_files(const LabMachine& machine) {
    for (const MachineFile& file : machine_files(machine))
        if (!is_file(file.path))
            return missing(
                fmt::format("the {} {}, which is not a file", file.role, file.path.native()),
                correct(machine));
    return {};
}

Result<> use_host_kernel(const LabSearch& search, const nlohmann::json& manifest,
                         LabConfig& config) {
    if (!search.machine.kernel.empty()) return use_named_kernel(search.machine, config);
    const Packed packed = packed_kernel(search.machine);
    if (search.host_kernel) {
        config.kernel = *search.host_kernel;
        RVMM_CHECK(check_kernel("RVMM_HOST_KERNEL", config.kernel, packed));
    } else {
        RVMM_TRY(config.kernel, cached_file(search.cache, manifest, "host_kernel", "image"));
        RVMM_CHECK(check_kernel("the lab's kernel", config.kernel, packed));
    }
    config.modules = modules_for(search.host_kernel, search.cache, manifest);
    return {};
}

}  // namespace

Result<LabSearch> LabSearch::from_environment(const fs::path& lab) {
    std::error_code ignored;
    const auto path = variable("PATH");
    const fs::path file = lab.empty() ? variable("RVMM_LAB").value_or("") : lab;
    LabMachine machine;
    if (!file.empty()) {
        RVMM_TRY(machine, LabMachine::load(file));
    }
    return LabSearch{.cache = cache_folder(),
                     .path = path ? path->native() : "/usr/local/bin:/usr/bin:/bin",
                     .executable = fs::read_symlink("/proc/self/exe", ignored),
                     .host_kernel = variable("RVMM_HOST_KERNEL"),
                     .arm64_rvmm = variable("RVMM_ARM64"),
                     .machine = std::move(machine)};
}

Result<LabConfig> LabConfig::find(const LabSearch& search) {
    LabConfig config{.machine = search.machine};
    RVMM_TRY(config.qemu, find_qemu(search.machine, search.path));
    RVMM_CHECK(check_machine_files(search.machine));
    RVMM_TRY(const auto manifest, read_manifest(search.cache));
    RVMM_CHECK(use_host_kernel(search, manifest, config));
    RVMM_TRY(config.busybox, cached_file(search.cache, manifest, "busybox", "path"));
    RVMM_CHECK(check_static_arm64("busybox", config.busybox));
    RVMM_TRY(config.arm64_rvmm, find_arm64_rvmm(search));
    if (is_folder(search.cache / "lab-root")) config.root = search.cache / "lab-root";
    return config;
}

}  // namespace rvmm::vmm::lab
