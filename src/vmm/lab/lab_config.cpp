#include "vmm/lab/lab_config.hpp"

#include <cstdlib>

#include <unistd.h>

#include "base/file.hpp"
#include "base/json_fields.hpp"

namespace rvmm::vmm::lab {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxManifest = 1U << 20;
constexpr std::string_view kQemu = "qemu-system-aarch64";

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

std::unexpected<Error> missing(std::string_view what, std::string advice = "run scripts/setup") {
    return std::unexpected(Error(Stage::kHostCannot, fmt::format("the lab needs {}", what))
                               .with_advice(std::move(advice)));
}

}  // namespace

Result<fs::path> find_qemu(std::string_view path) {
    while (!path.empty()) {
        const std::size_t end = std::min(path.find(':'), path.size());
        fs::path candidate = fs::path(path.substr(0, end)) / kQemu;
        if (end != 0 && is_file(candidate) && ::access(candidate.c_str(), X_OK) == 0)
            return candidate;
        path.remove_prefix(std::min(end + 1, path.size()));
    }
    return missing(fmt::format("{}, which is not in PATH", kQemu));
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

Result<> use_host_kernel(const LabSearch& search, const nlohmann::json& manifest,
                         LabConfig& config) {
    if (search.host_kernel) {
        config.kernel = *search.host_kernel;
        RVMM_CHECK(check_kernel("RVMM_HOST_KERNEL", config.kernel));
    } else {
        RVMM_TRY(config.kernel, cached_file(search.cache, manifest, "host_kernel", "image"));
        RVMM_CHECK(check_kernel("the lab's kernel", config.kernel));
    }
    config.modules = modules_for(search.host_kernel, search.cache, manifest);
    return {};
}

}  // namespace

LabSearch LabSearch::from_environment() {
    std::error_code ignored;
    const auto path = variable("PATH");
    return LabSearch{.cache = cache_folder(),
                     .path = path ? path->native() : "/usr/local/bin:/usr/bin:/bin",
                     .executable = fs::read_symlink("/proc/self/exe", ignored),
                     .host_kernel = variable("RVMM_HOST_KERNEL"),
                     .arm64_rvmm = variable("RVMM_ARM64")};
}

Result<LabConfig> LabConfig::find(const LabSearch& search) {
    LabConfig config;
    RVMM_TRY(config.qemu, find_qemu(search.path));
    RVMM_TRY(const auto manifest, read_manifest(search.cache));
    RVMM_CHECK(use_host_kernel(search, manifest, config));
    RVMM_TRY(config.busybox, cached_file(search.cache, manifest, "busybox", "path"));
    RVMM_CHECK(check_static_arm64("busybox", config.busybox));
    RVMM_TRY(config.arm64_rvmm, find_arm64_rvmm(search));
    if (is_folder(search.cache / "lab-root")) config.root = search.cache / "lab-root";
    return config;
}

}  // namespace rvmm::vmm::lab
