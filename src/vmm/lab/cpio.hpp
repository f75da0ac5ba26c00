// Writes cpio archives in the "newc" format: what Linux unpacks as an initramfs and cpio(1) reads.
// Source: Linux Documentation/driver-api/early-userspace/buffer-format.rst.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace rvmm::vmm::lab {

/// An archive under construction. Everything belongs to root and has the time 0, and inode numbers
/// count up from 1: the same calls give the same bytes.
///
/// Paths are relative, without "." or ".." components. The permissions in `mode` are its low 12
/// bits. Errors (Stage::kImage): a bad path, or content of 4 GiB or more.
class CpioArchive {
  public:
    Result<> add_directory(std::string_view path, unsigned mode);
    Result<> add_file(std::string_view path, ByteSpan content, unsigned mode);
    Result<> add_symlink(std::string_view path, std::string_view target);
    /// Adds each folder above `path` that this archive does not have yet, with mode 0755.
    Result<> add_parents(std::string_view path);

    bool empty() const { return next_inode_ == 1; }
    /// Bytes so far.
    std::size_t size() const { return bytes_.size(); }

    /// The finished archive, padded with zeros to a multiple of `block` bytes (a power of two).
    Bytes finish(std::size_t block) &&;

  private:
    Result<> add(std::string_view path, unsigned mode, unsigned links, ByteSpan content);
    void append_entry(std::string_view path, unsigned inode, unsigned mode, unsigned links,
                      ByteSpan content);
    void append_padded(ByteSpan bytes);

    Bytes bytes_;
    std::set<std::string, std::less<>> directories_;
    unsigned next_inode_ = 1;
};

}  // namespace rvmm::vmm::lab
