// Builders of small kernels, specs and files for tests.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "realm/spec/realm_spec.hpp"

namespace rvmm::realm::test {

inline constexpr std::uint64_t kMiB = 1ULL << 20;

/// An arm64 Image: a header, then `size - 64` bytes of a pattern.
struct ImageBuilder {
    std::uint64_t text_offset = 0;
    std::uint64_t image_size = 0x1'0000;
    std::uint64_t flags = 0xa;  // little-endian, 4 KiB pages, anywhere
    std::size_t size = 5000;
    Bytes build() const;
};

Bytes gzip(ByteSpan bytes);
Bytes zstd(ByteSpan bytes);
/// An EFI zboot file with `payload` at offset 4096.
Bytes zboot(ByteSpan payload, std::string_view compression);

Bytes bytes_of(std::string_view text);
Bytes concatenated(Bytes a, ByteSpan b);

/// A folder that is removed with its files.
class TempDir {
  public:
    TempDir();
    ~TempDir();
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path write(const char* name, ByteSpan bytes) const;

  private:
    std::filesystem::path path_;
};

/// A realm's spec with defaults, or an ordinary VM's. Nothing is set under boot.
RealmSpec realm_spec(std::uint64_t memory, std::uint32_t vcpus = 1);
RealmSpec vm_spec(std::uint64_t memory, std::uint32_t vcpus = 1);

}  // namespace rvmm::realm::test
