#include "vmm/lab/cpio.hpp"

#include <array>

#include <sys/stat.h>

#include "base/file.hpp"

namespace rvmm::vmm::lab {
namespace {

constexpr unsigned kPermissionBits = 07777;

bool good_path(std::string_view path) {
    if (path.empty() || path.size() > kMaxPath || path.find('\0') != path.npos) return false;
    std::size_t start = 0;
    while (start <= path.size()) {
        const std::size_t end = std::min(path.find('/', start), path.size());
        const std::string_view part = path.substr(start, end - start);
        if (part.empty() || part == "." || part == "..") return false;
        start = end + 1;
    }
    return true;
}

}  // namespace

Result<> CpioArchive::add_directory(std::string_view path, unsigned mode) {
    RVMM_CHECK(add(path, S_IFDIR | (mode & kPermissionBits), 2, {}));
    directories_.emplace(path);
    return {};
}

Result<> CpioArchive::add_file(std::string_view path, ByteSpan content, unsigned mode) {
    return add(path, S_IFREG | (mode & kPermissionBits), 1, content);
}

Result<> CpioArchive::add_symlink(std::string_view path, std::string_view target) {
    return add(path, S_IFLNK | 0777, 1, as_bytes(target));
}

Result<> CpioArchive::add_parents(std::string_view path) {
    for (std::size_t slash = path.find('/'); slash != path.npos; slash = path.find('/', slash + 1))
        if (!directories_.contains(path.substr(0, slash)))
            RVMM_CHECK(add_directory(path.substr(0, slash), 0755));
    return {};
}

Bytes CpioArchive::finish(std::size_t block) && {
    append_entry("TRAILER!!!", 0, 0, 1, {});
    bytes_.resize((bytes_.size() + block - 1) & ~(block - 1));
    return std::move(bytes_);
}

Result<> CpioArchive::add(std::string_view path, unsigned mode, unsigned links, ByteSpan content) {
    if (!good_path(path)) return fail(Stage::kImage, "\"{}\" cannot be a path in the lab", path);
    if (content.size() > UINT32_MAX)
        return fail(Stage::kImage, "{} is too large for the lab: {} bytes, at most {} fit", path,
                    content.size(), UINT32_MAX);
    append_entry(path, next_inode_++, mode, links, content);
    return {};
}

void CpioArchive::append_entry(std::string_view path, unsigned inode, unsigned mode, unsigned links,
                               ByteSpan content) {
    const std::array<std::size_t, 13> fields = {
        inode, mode, 0, 0, links, 0, content.size(), 0, 0, 0, 0, path.size() + 1, 0};
    std::string head = "070701";
    for (const std::size_t field : fields) head += fmt::format("{:08x}", field);
    head += path;
    head += '\0';
    append_padded(as_bytes(head));
    append_padded(content);
}

void CpioArchive::append_padded(ByteSpan bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    bytes_.resize((bytes_.size() + 3) & ~std::size_t{3});
}

}  // namespace rvmm::vmm::lab
