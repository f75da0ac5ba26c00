#include "base/contents.hpp"

#include <algorithm>
#include <cerrno>
#include <string>

#include "base/address.hpp"
#include "base/fault_guard.hpp"
#include "base/file.hpp"

namespace rvmm {
namespace {

constexpr std::uint64_t kMaxSize = UINT64_MAX / 2;

std::uint64_t padded_size(std::uint64_t size, std::uint64_t granule) {
    return align_up(std::max<std::uint64_t>(size, 1), granule).value_or(kMaxSize);
}

Result<Mapping> private_memory(std::uint64_t size) {
    return Mapping::create("memory for an image", padded_size(size, Contents::kPadding),
                           PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
}

}  // namespace

struct Contents::MappedFile {
    std::string role;
    std::filesystem::path path;
    UniqueFd fd;
    FileVersion version;
    FaultGuard guard;
};

Contents::Contents() = default;
Contents::Contents(Contents&&) noexcept = default;
Contents& Contents::operator=(Contents&&) noexcept = default;
Contents::~Contents() = default;
Contents::Contents(Mapping memory, std::uint64_t size, std::unique_ptr<MappedFile> file)
    : memory_(std::move(memory)), size_(size), file_(std::move(file)) {}

Result<Contents> Contents::of_file(std::string_view role, const std::filesystem::path& path,
                                   std::uint64_t limit, Reading reading) {
    RVMM_TRY(UniqueFd fd, open_regular(role, path));
    RVMM_TRY(const FileVersion version, file_version(role, path, fd.get()));
    RVMM_CHECK(check_size(role, path, version.size, limit));
    RVMM_TRY(Mapping memory, private_memory(version.size));
    const MutableByteSpan bytes = memory.bytes().first(version.size);
    if (reading == Reading::kOwn) {
        RVMM_CHECK(read_exactly(role, path, fd.get(), bytes, 0));
        RVMM_CHECK(check_version(role, path, fd.get(), version));
        return Contents(std::move(memory), version.size, nullptr);
    }
    // The last page is copied: what lies behind a file's end in it belongs to nobody.
    const std::uint64_t whole = align_down(version.size, kPadding);
    if (whole != 0 &&
        ::mmap(memory.data(), whole, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd.get(), 0) == MAP_FAILED)
        return fail_errno(Stage::kImage, errno, "cannot map {} {}", role, path.native());
    ::madvise(memory.data(), whole, MADV_SEQUENTIAL);
    RVMM_CHECK(read_exactly(role, path, fd.get(), bytes.subspan(whole), whole));
    RVMM_TRY(FaultGuard guard, FaultGuard::create(bytes.first(whole)));
    auto file = std::make_unique<MappedFile>(
        MappedFile{std::string(role), path, std::move(fd), version, std::move(guard)});
    return Contents(std::move(memory), version.size, std::move(file));
}

Result<Contents> Contents::copy(ByteSpan bytes) {
    RVMM_TRY(Mapping memory, private_memory(bytes.size()));
    std::ranges::copy(bytes, memory.bytes().begin());
    return Contents(std::move(memory), bytes.size(), nullptr);
}

Result<Contents> Contents::after_zeros(std::uint64_t zeros) const {
    RVMM_TRY(Mapping memory, private_memory(zeros + size_));
    std::ranges::copy(source(), memory.bytes().subspan(zeros).begin());
    return Contents(std::move(memory), zeros + size_, nullptr);
}

Contents Contents::adopt(Mapping memory, std::uint64_t size) {
    return {std::move(memory), size, nullptr};
}

ByteSpan Contents::padded(std::uint64_t granule) const {
    if (size_ == 0) return {};
    return ByteSpan(memory_.bytes()).first(padded_size(size_, granule));
}

Result<> Contents::check_unchanged() const {
    if (!file_) return {};
    if (file_->guard.faulted())
        return fail(Stage::kImage, "{} {} was truncated while it was read", file_->role,
                    file_->path.native());
    return check_version(file_->role, file_->path, file_->fd.get(), file_->version);
}

}  // namespace rvmm
