#include "base/file.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>

namespace rvmm {
namespace {

std::string_view kind_of(mode_t mode) {
    if (S_ISDIR(mode)) return "a directory";
    if (S_ISFIFO(mode)) return "a FIFO";
    if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
    return "not a regular file";
}

bool same_version(const struct stat& a, const struct stat& b) {
    return a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
           a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

}  // namespace

Result<UniqueFd> open_regular(std::string_view role, const std::filesystem::path& path) {
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd) return fail_errno(Stage::kImage, errno, "cannot open {} {}", role, path.native());
    struct stat status = {};
    if (::fstat(fd.get(), &status) != 0)
        return fail_errno(Stage::kImage, errno, "cannot stat {} {}", role, path.native());
    if (!S_ISREG(status.st_mode))
        return fail(Stage::kImage, "{} {} is {}, not a file", role, path.native(),
                    kind_of(status.st_mode));
    return fd;
}

Result<Bytes> read_open_file(std::string_view role, const std::filesystem::path& path, int fd,
                             std::uint64_t limit) {
    struct stat before = {};
    if (::fstat(fd, &before) != 0)
        return fail_errno(Stage::kImage, errno, "cannot stat {} {}", role, path.native());
    const auto size = static_cast<std::uint64_t>(before.st_size);
    if (size > limit)
        return fail(Stage::kImage, "{} {} is too large: {} bytes, at most {} fit", role,
                    path.native(), size, limit);
    Bytes bytes(size);
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t n =
            ::pread(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0)
            return fail_errno(Stage::kImage, errno, "cannot read {} {}", role, path.native());
        if (n == 0) break;
        done += static_cast<std::size_t>(n);
    }
    struct stat after = {};
    if (::fstat(fd, &after) != 0)
        return fail_errno(Stage::kImage, errno, "cannot stat {} {}", role, path.native());
    if (done != bytes.size() || !same_version(before, after))
        return fail(Stage::kImage, "{} {} changed while it was read", role, path.native());
    return bytes;
}

Result<Bytes> read_file(std::string_view role, const std::filesystem::path& path,
                        std::uint64_t limit) {
    RVMM_TRY(auto fd, open_regular(role, path));
    return read_open_file(role, path, fd.get(), limit);
}

Result<> write_all(Stage stage, int fd, ByteSpan bytes, std::string_view what) {
    while (!bytes.empty()) {
        const ssize_t n = ::write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno(stage, errno, "cannot write {}", what);
        bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
    return {};
}

}  // namespace rvmm
