#include "devices/block/block_file.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/log.hpp"

namespace rvmm::devices {
namespace {

using std::filesystem::path;

constexpr std::string_view kOrReadOnly = ", or set \"readonly = true\"";

std::unexpected<Error> advised(std::unexpected<Error> error, std::string advice) {
    return std::unexpected(std::move(error).error().with_advice(std::move(advice)));
}

Result<mode_t> disk_kind(const path& path) {
    struct stat status = {};
    if (::stat(path.c_str(), &status) != 0) {
        const int error = errno;
        auto failure = fail_errno(Stage::kImage, error, "cannot open disk {}", path.native());
        if (error != ENOENT) return failure;
        return advised(std::move(failure),
                       fmt::format("make an empty one with: truncate -s 8G {}", path.native()));
    }
    if (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode)) return status.st_mode;
    return advised(
        fail(Stage::kImage, "disk {} is {}", path.native(),
             S_ISDIR(status.st_mode) ? "a directory" : "neither a file nor a block device"),
        "name a raw image or a block device");
}

Result<UniqueFd> open_disk(const path& path, mode_t kind, bool read_only) {
    // O_EXCL: a block device that the host has mounted is not written to.
    const int exclusive = S_ISBLK(kind) ? O_EXCL : 0;
    UniqueFd fd(
        ::open(path.c_str(), O_CLOEXEC | O_NOCTTY | (read_only ? O_RDONLY : O_RDWR | exclusive)));
    if (fd) return fd;
    const int error = errno;
    auto failure = fail_errno(Stage::kImage, error, "cannot open disk {} for {}", path.native(),
                              read_only ? "reading" : "writing");
    switch (error) {
        case EBUSY:
            return advised(std::move(failure),
                           fmt::format("the host uses it: unmount it{}", kOrReadOnly));
        case EACCES:
        case EPERM:
        case EROFS:
            if (read_only) return advised(std::move(failure), "make it readable for this user");
            return advised(std::move(failure),
                           fmt::format("make it writable for this user{}", kOrReadOnly));
        default:
            return failure;
    }
}

Result<> lock_disk(const path& path, int fd, bool read_only) {
    struct flock lock = {};  // all of the file
    lock.l_type = read_only ? F_RDLCK : F_WRLCK;
    lock.l_whence = SEEK_SET;
    if (::fcntl(fd, F_OFD_SETLK, &lock) == 0) return {};
    const int error = errno;
    if (error != EAGAIN && error != EACCES) {  // ENOLCK and others: some network file systems
        const auto failure = Error::from_errno(Stage::kImage, "", error);
        warn("disk {} cannot be locked against other users{}", path.native(), failure.message());
        return {};
    }
    auto failure = fail(Stage::kImage, "disk {} is in use by another process{}", path.native(),
                        read_only ? ", which may write it" : "");
    return advised(std::move(failure),
                   read_only ? "stop that process, or give each virtual machine its own copy"
                             : "stop that process, give each virtual machine its own copy, or set "
                               "\"readonly = true\" for all of them");
}

}  // namespace

Result<BlockFile> BlockFile::open(const std::filesystem::path& path, Mode mode) {
    const bool read_only = mode == Mode::kReadOnly;
    RVMM_TRY(const mode_t kind, disk_kind(path));
    RVMM_TRY(UniqueFd fd, open_disk(path, kind, read_only));
    RVMM_CHECK(lock_disk(path, fd.get(), read_only));
    const off_t end = ::lseek(fd.get(), 0, SEEK_END);  // of a block device, too
    if (end < 0) return fail_errno(Stage::kImage, errno, "cannot size disk {}", path.native());
    const std::uint64_t sectors = static_cast<std::uint64_t>(end) / kSector;
    if (sectors == 0)
        return advised(
            fail(Stage::kImage, "disk {} has {} bytes, less than a sector", path.native(), end),
            fmt::format("make it larger with: truncate -s 8G {}", path.native()));
    return BlockFile(std::move(fd), sectors, read_only);
}

}  // namespace rvmm::devices
