#include <array>
#include <cerrno>

#include <elf.h>
#include <unistd.h>

#include "base/file.hpp"
#include "vmm/lab/lab_config.hpp"

namespace rvmm::vmm::lab {
namespace {

constexpr std::uint64_t kMaxProgram = 1ULL << 30;

// Linux Documentation/arch/arm64/booting.rst
constexpr std::size_t kImageHeaderSize = 64;
constexpr std::size_t kImageMagicOffset = 56;
constexpr std::uint32_t kImageMagic = 0x644d5241;  // "ARM\x64"
constexpr std::uint16_t kGzipMagic = 0x8b1f;       // RFC 1952: QEMU unpacks such an Image

template <class T>
bool read_record(ByteSpan bytes, std::uint64_t offset, T& record) {
    if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return false;
    std::memcpy(&record, bytes.data() + offset, sizeof(T));
    return true;
}

bool is_static_arm64(ByteSpan bytes) {
    Elf64_Ehdr header;
    if (!read_record(bytes, 0, header)) return false;
    if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return false;
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != EM_AARCH64) return false;
    for (unsigned i = 0; i < header.e_phnum; ++i) {
        Elf64_Phdr segment;
        const std::uint64_t offset = header.e_phoff + i * sizeof(Elf64_Phdr);
        if (!read_record(bytes, offset, segment) || segment.p_type == PT_INTERP) return false;
    }
    return header.e_phnum > 0;
}

}  // namespace

Result<> check_static_arm64(std::string_view role, const std::filesystem::path& path) {
    auto bytes = read_file(role, path, kMaxProgram);
    if (!bytes) return std::unexpected(std::move(bytes).error().with_stage(Stage::kHostCannot));
    if (!is_static_arm64(*bytes))
        return fail(Stage::kHostCannot, "{} {} is not a static arm64 program", role, path.native());
    return {};
}

Result<> check_kernel(std::string_view role, const std::filesystem::path& path, Packed packed) {
    auto fd = open_regular(role, path);
    if (!fd) return std::unexpected(std::move(fd).error().with_stage(Stage::kHostCannot));
    std::array<std::byte, kImageHeaderSize> header = {};
    const ssize_t size = ::pread(fd->get(), header.data(), header.size(), 0);
    if (size < 0)
        return fail_errno(Stage::kHostCannot, errno, "cannot read {} {}", role, path.native());
    const ByteSpan bytes = header;
    const bool image = load_le<std::uint32_t>(bytes.subspan(kImageMagicOffset)) == kImageMagic;
    const bool gzip = load_le<std::uint16_t>(bytes) == kGzipMagic;
    if (!image && !gzip)
        return fail(Stage::kHostCannot, "{} {} is not an arm64 Image", role, path.native());
    if (!image && packed == Packed::kRefused)
        return fail(Stage::kHostCannot, "{} {} is compressed, and nothing unpacks it in memory",
                    role, path.native());
    return {};
}

}  // namespace rvmm::vmm::lab
