// Where the things are that a lab is made of: QEMU, the cache that scripts/setup fills, and rvmm
// itself as an arm64 program.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace rvmm::vmm::lab {

/// What find() looks at, so that tests can say it.
struct LabSearch {
    std::filesystem::path cache;                       // the folder that scripts/setup fills
    std::string path;                                  // PATH
    std::filesystem::path executable;                  // this program
    std::optional<std::filesystem::path> host_kernel;  // instead of the cache's
    std::optional<std::filesystem::path> arm64_rvmm;   // instead of the one beside `executable`

    /// From RVMM_CACHE (else XDG_CACHE_HOME/rvmm, else HOME/.cache/rvmm), PATH, RVMM_HOST_KERNEL,
    /// RVMM_ARM64 and /proc/self/exe.
    static LabSearch from_environment();
};

struct LabConfig {
    std::filesystem::path qemu;
    std::filesystem::path kernel;      // an arm64 Image
    std::filesystem::path busybox;     // static, arm64
    std::filesystem::path arm64_rvmm;  // static, arm64
    /// lib/modules/<release> of `kernel`; nothing for a kernel that setup does not know the modules
    /// of, which must then have virtio-blk built in if large files go in.
    std::optional<std::filesystem::path> modules;
    std::optional<std::filesystem::path> root;  // a folder whose content is added to the lab's root

    /// Errors (Stage::kHostCannot): what is missing, with the remedy as advice.
    static Result<LabConfig> find(const LabSearch& search = LabSearch::from_environment());
};

/// qemu-system-aarch64 in the folders of `path`, a PATH. Errors as of LabConfig::find().
Result<std::filesystem::path> find_qemu(std::string_view path);

/// Checks that `path` is a static arm64 program. Errors (Stage::kHostCannot) name it after `role`.
Result<> check_static_arm64(std::string_view role, const std::filesystem::path& path);
/// Checks that `path` is an arm64 Image, or gzip'd. Errors (Stage::kHostCannot) name it after
/// `role`.
Result<> check_kernel(std::string_view role, const std::filesystem::path& path);

}  // namespace rvmm::vmm::lab
