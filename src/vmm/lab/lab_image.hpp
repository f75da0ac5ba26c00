// What the lab's machine boots: an initramfs, and an archive of the large files for its disk.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "vmm/lab/cpio.hpp"
#include "vmm/lab/lab_config.hpp"

namespace rvmm::vmm::lab {

/// A file that the lab's machine shall have.
struct LabFile {
    std::string path;  // absolute, in the lab; not below /dev, /proc or /sys
    std::shared_ptr<const Bytes> content;
    unsigned mode = 0644;
};

struct LabImage {
    Bytes initramfs;
    Bytes payload;  // a cpio archive, padded to whole sectors; empty if there is no large file
};

/// Files above this size go into the payload.
inline constexpr std::size_t kLargeFile = 1U << 20;
inline constexpr std::size_t kSectorSize = 512;

/// Packs busybox, rvmm, the content of config.root, `files` and the init scripts. The same input
/// gives the same bytes. Errors: Stage::kImage for a file that cannot go in, Stage::kHostCannot for
/// what setup should have left in the cache.
/// `modules` are loaded besides those that every lab needs.
Result<LabImage> build_lab_image(const LabConfig& config, const std::vector<LabFile>& files,
                                 const std::vector<std::string_view>& modules = {});

}  // namespace rvmm::vmm::lab
