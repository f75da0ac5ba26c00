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

std::unexpected<Error> changed(std::string_view role, const std::filesystem::path& path) {
    return fail(Stage::kImage, "{} {} changed while it was read", role, path.native());
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

Result<FileVersion> file_version(std::string_view role, const std::filesystem::path& path, int fd) {
    struct stat status = {};
    if (::fstat(fd, &status) != 0)
        return fail_errno(Stage::kImage, errno, "cannot stat {} {}", role, path.native());
    return FileVersion{.size = static_cast<std::uint64_t>(status.st_size),
                       .changed_s = status.st_ctim.tv_sec,
                       .changed_ns = status.st_ctim.tv_nsec,
                       .written_s = status.st_mtim.tv_sec,
                       .written_ns = status.st_mtim.tv_nsec};
}

Result<> check_size(std::string_view role, const std::filesystem::path& path, std::uint64_t size,
                    std::uint64_t limit) {
    if (size <= limit) return {};
    return fail(Stage::kImage, "{} {} is too large: {} bytes, at most {} fit", role, path.native(),
                size, limit);
}

Result<> read_exactly(std::string_view role, const std::filesystem::path& path, int fd,
                      MutableByteSpan out, std::uint64_t offset) {
    while (!out.empty()) {
        const ssize_t n = ::pread(fd, out.data(), out.size(), static_cast<off_t>(offset));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0)
            return fail_errno(Stage::kImage, errno, "cannot read {} {}", role, path.native());
        if (n == 0) return changed(role, path);
        out = out.subspan(static_cast<std::size_t>(n));
        offset += static_cast<std::uint64_t>(n);
    }
    return {};
}

Result<> check_version(std::string_view role, const std::filesystem::path& path, int fd,
                       const FileVersion& version) {
    RVMM_TRY(const FileVersion now, file_version(role, path, fd));
    if (now != version) return changed(role, path);
    return {};
}

Result<Bytes> read_open_file(std::string_view role, const std::filesystem::path& path, int fd,
                             std::uint64_t limit) {
    RVMM_TRY(const FileVersion version, file_version(role, path, fd));
    RVMM_CHECK(check_size(role, path, version.size, limit));
    Bytes bytes(version.size);
    RVMM_CHECK(read_exactly(role, path, fd, bytes, 0));
    RVMM_CHECK(check_version(role, path, fd, version));
    return bytes;
}

Result<Bytes> read_file(std::string_view role, const std::filesystem::path& path,
                        std::uint64_t limit) {
    RVMM_TRY(auto fd, open_regular(role, path));
    return read_open_file(role, path, fd.get(), limit);
}

Result<UniqueFd> create_file(std::string_view what, const std::filesystem::path& path, int flags) {
    UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | flags, 0666));
    if (fd) return fd;
    const int error_number = errno;
    Error error = Error::from_errno(
        Stage::kUsage, fmt::format("cannot make {} {}", what, path.native()), error_number);
    return std::unexpected(std::move(error).with_advice(
        error_number == EEXIST ? "name a file that is not there yet: nothing is overwritten"
                               : "name a file in a folder that you can write to"));
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
