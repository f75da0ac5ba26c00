// A raw disk image, or a block device of the host, opened and locked.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace rvmm::devices {

/// While it lives it holds an advisory lock, so that of all virtual machines only one writes an
/// image, and then nobody else reads it. Source: fcntl(2), open file description locks.
class BlockFile {
  public:
    static constexpr std::uint64_t kSector = 512;
    enum class Mode : std::uint8_t { kReadOnly, kReadWrite };

    /// A tail that is no whole sector is not part of the disk. Errors (Stage::kImage) say what to
    /// do: `path` is missing, neither a file nor a block device, smaller than a sector, may not be
    /// opened like this, or is in use by another process.
    static Result<BlockFile> open(const std::filesystem::path& path, Mode mode);

    int fd() const { return fd_.get(); }
    std::uint64_t sectors() const { return sectors_; }
    bool read_only() const { return read_only_; }

  private:
    BlockFile(UniqueFd fd, std::uint64_t sectors, bool read_only)
        : fd_(std::move(fd)), sectors_(sectors), read_only_(read_only) {}

    UniqueFd fd_;
    std::uint64_t sectors_;
    bool read_only_;
};

}  // namespace rvmm::devices
