// Where kvmtool and QEMU put what they load into a realm, so that realms launched by them can be
// measured. Their device tree is given and taken as it is; where it says something else than is
// derived here, that is an error, for then the prediction would be of another realm.
//
// Source: shared facts "Arm CCA realm measurements", sections 1.5 and 7, and "The older KVM realm
// uAPI", section 7; for kvmtool the veraison/cca-realm-measurements project's docs/realm-vm.md too.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/contents.hpp"
#include "base/error.hpp"
#include "realm/layout/board.hpp"
#include "realm/layout/guest_layout.hpp"

namespace rvmm::realm {

enum class ForeignVmm : std::uint8_t {
    kKvmtool,
    kQemu,  // its machine "virt"
};
/// "kvmtool", "qemu".
std::string_view to_string(ForeignVmm vmm);

/// What the other VMM was started with. Either a kernel or a firmware.
struct ForeignImage {
    ForeignVmm vmm = ForeignVmm::kKvmtool;
    std::filesystem::path dtb = {};
    std::optional<std::filesystem::path> kernel = {};
    std::optional<std::filesystem::path> firmware = {};  // QEMU's -bios
    std::optional<std::filesystem::path> initrd = {};    // with a kernel
    std::uint64_t memory = 0;  // bytes; a multiple of 2 MiB, 2 MiB to kMaxMemory
    bool event_log = false;    // kvmtool's --measurement-log
};

struct ForeignLayout {
    Board board = {};  // RAM and CPUs; nothing else is known
    GuestLayout layout = {};
    unsigned ipa_bits = 0;  // what that VMM asks for by itself; 0: not known for so much memory
    std::string cmdline = {};
};

struct ForeignOptions {
    Reading reading = Reading::kOwn;
    std::uint64_t granule = kPageSize4K;   // bytes: 4, 16 or 64 KiB
    std::uint64_t rounding = kPageSize4K;  // of what is populated, bytes: 4 or 64 KiB
    bool log_after_recs = false;
};

/// Reads the files and lays them out as that VMM does. Errors: Stage::kImage for files, the device
/// tree among them; Stage::kConfig for an image that this VMM does not load or whose places are not
/// known, that does not fit, and for a device tree that contradicts it.
Result<ForeignLayout> make_foreign_layout(const ForeignImage& image, const ForeignOptions& options);

}  // namespace rvmm::realm
