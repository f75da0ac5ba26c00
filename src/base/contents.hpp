// The bytes of an image's part: from a file, from memory or unpacked, followed by zeros up to a
// multiple of 64 KiB, so that every whole page of them can be looked at whatever a page's size.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/mapping.hpp"

namespace rvmm {

/// How a file becomes Contents.
enum class Reading : std::uint8_t {
    kOwn,  // read once, into private memory: nothing that happens to the file matters afterwards
    kMap,  // looked at where it lies, without memory of our own: for a single pass over it
};

class Contents {
  public:
    /// What lengths are padded to.
    static constexpr std::uint64_t kPadding = 64U << 10;

    /// No bytes.
    Contents();
    Contents(Contents&&) noexcept;
    Contents& operator=(Contents&&) noexcept;
    ~Contents();

    /// The regular file `path`. `role` names it in errors, which are those of read_file().
    static Result<Contents> of_file(std::string_view role, const std::filesystem::path& path,
                                    std::uint64_t limit, Reading reading);
    /// A copy of `bytes`.
    static Result<Contents> copy(ByteSpan bytes);
    /// Memory that holds `size` bytes and then zeros, at least as many as padding needs.
    static Contents adopt(Mapping memory, std::uint64_t size);

    /// `zeros` zeros and then the same bytes, as a copy in private memory.
    Result<Contents> after_zeros(std::uint64_t zeros) const;

    std::uint64_t size() const { return size_; }
    ByteSpan source() const { return ByteSpan(memory_.bytes()).first(size_); }
    /// The bytes and zeros up to a multiple of `granule`, a power of two of at most kPadding.
    ByteSpan padded(std::uint64_t granule) const;

    /// To be asked after a pass over a mapped file, before anything is made of what was seen.
    /// Errors (Stage::kImage): the file is not what it was when it was opened. Pages that a
    /// truncation took away read as zeros until then; nothing crashes.
    Result<> check_unchanged() const;

  private:
    struct MappedFile;
    Contents(Mapping memory, std::uint64_t size, std::unique_ptr<MappedFile> file);

    Mapping memory_;
    std::uint64_t size_ = 0;
    std::unique_ptr<MappedFile> file_;  // mapped files only
};

}  // namespace rvmm
