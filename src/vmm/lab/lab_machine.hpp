// What kind of machine a lab is: the stock one, or one that a file of the user's describes (--lab
// FILE, RVMM_LAB; the format is docs/lab.md).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace rvmm::vmm::lab {

inline constexpr std::uint64_t kLeastLabMemory = 512ULL << 20;
inline constexpr std::uint64_t kMostLabMemory = 255ULL << 30;  // what "virt" has addresses for
inline constexpr std::uint64_t kLabMemoryStep = 1ULL << 20;
inline constexpr unsigned kMostLabCpus = 8;
/// From kLeastLabMemory to kMostLabMemory in steps of kLabMemoryStep.
bool is_lab_memory(std::uint64_t bytes);

/// Which realms an rvmm inside makes.
enum class LabRealms : std::uint8_t { kEmulated, kCca };
std::string_view to_string(LabRealms realms);

/// A file that QEMU puts into the machine's memory as it is.
struct LoaderItem {
    std::filesystem::path file;
    std::uint64_t address = 0;
    friend bool operator==(const LoaderItem&, const LoaderItem&) = default;
};

/// As made, the stock machine. Paths are as they are opened.
struct LabMachine {
    std::filesystem::path source = {};  // the file that describes it; empty: the stock machine

    std::string qemu = "qemu-system-aarch64";  // with a slash a path, else a program in PATH
    std::string machine = "virt,virtualization=on,gic-version=3";
    // pauth-impdef: QEMU's own pointer authentication, many times faster than the architected.
    std::string cpu = "max,pauth-impdef=on";
    unsigned cpus = 2;
    std::optional<std::uint64_t> memory = {};  // bytes; nothing: as much as the run needs
    std::filesystem::path firmware = {};
    std::vector<std::filesystem::path> flash = {};
    std::vector<std::string> arguments = {};  // of QEMU, after all others
    std::chrono::seconds boot_limit{60};
    LabRealms realms = LabRealms::kEmulated;

    std::filesystem::path kernel = {};  // empty: the kernel that setup fetched
    std::filesystem::path modules = {};
    std::string kernel_arguments = {};  // after the lab's own
    // Where a firmware expects kernel and initramfs; else QEMU boots them, or hands them over.
    std::optional<std::uint64_t> kernel_address = {};
    std::optional<std::uint64_t> initrd_address = {};

    std::vector<LoaderItem> loader = {};

    /// The machine that the file `path` describes. Errors as parse(), and Stage::kImage if the file
    /// cannot be read.
    static Result<LabMachine> load(const std::filesystem::path& path);
    /// The machine that `text`, the content of `path`, describes; no file is looked at. Errors
    /// (Stage::kConfig) start with "`path`:line:column: " and name the nearest key. Fuzzed.
    static Result<LabMachine> parse(std::string_view text, const std::filesystem::path& path);

    friend bool operator==(const LabMachine&, const LabMachine&) = default;
};

/// A file that a machine is made of.
struct MachineFile {
    std::string_view role;  // "firmware", "flash", "loader-file"
    std::filesystem::path path;
};
/// The files that QEMU reads besides the kernel.
std::vector<MachineFile> machine_files(const LabMachine& machine);

}  // namespace rvmm::vmm::lab
