// Where the things are that a lab is made of: QEMU, the cache that scripts/setup fills, and rvmm
// itself as an arm64 program.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "vmm/lab/lab_machine.hpp"

namespace rvmm::vmm::lab {

/// What find() looks at, so that tests can say it.
struct LabSearch {
    std::filesystem::path cache;                       // the folder that scripts/setup fills
    std::string path;                                  // PATH
    std::filesystem::path executable;                  // this program
    std::optional<std::filesystem::path> host_kernel;  // instead of the cache's
    std::optional<std::filesystem::path> arm64_rvmm;   // instead of the one beside `executable`
    LabMachine machine = {};                           // what it says itself wins over the above

    /// From RVMM_CACHE (else XDG_CACHE_HOME/rvmm, else HOME/.cache/rvmm), PATH, RVMM_HOST_KERNEL,
    /// RVMM_ARM64 and /proc/self/exe. The machine is the one that the file `lab` describes, else
    /// the file that RVMM_LAB names, else the stock one. Errors: that file's, as of
    /// LabMachine::load().
    static Result<LabSearch> from_environment(const std::filesystem::path& lab);
};

struct LabConfig {
    LabMachine machine = {};
    std::filesystem::path qemu = {};
    std::filesystem::path kernel = {};      // an arm64 Image
    std::filesystem::path busybox = {};     // static, arm64
    std::filesystem::path arm64_rvmm = {};  // static, arm64
    /// lib/modules/<release> of `kernel`; nothing for a kernel whose modules nobody named, which
    /// must then have virtio-pci and virtio-console built in, and virtio-blk if large files go in.
    std::optional<std::filesystem::path> modules = {};
    std::optional<std::filesystem::path> root =
        {};  // a folder whose content is added to the lab's root

    /// Errors (Stage::kHostCannot): what is missing, with the remedy as advice.
    static Result<LabConfig> find(const LabSearch& search);
};

/// `machine`'s QEMU, as a program in the folders of `path`, a PATH, or where it says. Errors as of
/// LabConfig::find().
Result<std::filesystem::path> find_qemu(const LabMachine& machine, std::string_view path);

/// Checks that `path` is a static arm64 program. Errors (Stage::kHostCannot) name it after `role`.
Result<> check_static_arm64(std::string_view role, const std::filesystem::path& path);
enum class Packed : std::uint8_t { kAllowed, kRefused };
/// Checks that `path` is an arm64 Image, or gzip'd where that is allowed. Errors
/// (Stage::kHostCannot) name it after `role`.
Result<> check_kernel(std::string_view role, const std::filesystem::path& path,
                      Packed packed = Packed::kAllowed);

}  // namespace rvmm::vmm::lab
