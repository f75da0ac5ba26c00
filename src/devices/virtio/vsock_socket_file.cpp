#include "devices/virtio/vsock_socket_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace rvmm::devices::virtio {
namespace {

constexpr int kVsockBacklog = 128;

static_assert(sizeof(sockaddr_un::sun_path) == VsockSocketFile::kMaxPath + 1);

/// bind() or connect() of a socket to a path that is short enough; 0 or an errno value.
int vsock_call(int (*call)(int, const sockaddr*, socklen_t), int fd,
               const std::filesystem::path& path) {
    sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
    std::ranges::copy(path.native(), std::begin(address.sun_path));
    return call(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ? 0 : errno;
}

std::expected<UniqueFd, int> vsock_socket() {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return std::unexpected(errno);
    return fd;
}

bool fits_vsock(const std::filesystem::path& path) {
    const std::string& text = path.native();
    return !text.empty() && text.size() <= VsockSocketFile::kMaxPath &&
           text.find('\0') == text.npos;
}

std::unexpected<Error> vsock_refused(const std::filesystem::path& path, int error) {
    return fail_errno(Stage::kHostCannot, error, "cannot listen at {}", path.native());
}

}  // namespace

std::expected<UniqueFd, int> VsockSocketFile::dial(const std::filesystem::path& path) {
    if (!fits_vsock(path)) return std::unexpected(ENAMETOOLONG);
    auto fd = vsock_socket();
    if (!fd) return fd;
    // Unix sockets connect at once, or not at all: EAGAIN says that the listener's queue is full.
    if (const int error = vsock_call(::connect, fd->get(), path)) return std::unexpected(error);
    return fd;
}

Result<VsockSocketFile::Identity> VsockSocketFile::stale_socket(const std::filesystem::path& path) {
    struct stat status = {};
    if (::lstat(path.c_str(), &status) != 0) return vsock_refused(path, errno);
    if (!S_ISSOCK(status.st_mode))
        return std::unexpected(
            Error(Stage::kHostCannot,
                  fmt::format("cannot listen at {}: there is a file that is not a socket",
                              path.native()))
                .with_advice("remove it, or choose another path"));
    const auto dialed = dial(path);
    if (!dialed && dialed.error() == ECONNREFUSED)
        return Identity{.device = status.st_dev, .inode = status.st_ino};
    const std::string why = dialed || dialed.error() == EAGAIN ? "somebody listens there"
                                                               : std::strerror(dialed.error());
    return std::unexpected(
        Error(Stage::kHostCannot, fmt::format("cannot listen at {}: {}", path.native(), why))
            .with_advice("end the VM that uses it, or choose another path"));
}

void VsockSocketFile::remove(const std::filesystem::path& path, const Identity& only) {
    struct stat status = {};
    if (::lstat(path.c_str(), &status) == 0 &&
        only == Identity{.device = status.st_dev, .inode = status.st_ino})
        ::unlink(path.c_str());
}

Result<VsockSocketFile> VsockSocketFile::listen(const std::filesystem::path& path) {
    if (!fits_vsock(path))
        return fail(Stage::kConfig, "a socket's path has 1 to {} bytes: {}", kMaxPath,
                    path.native());
    auto fd = vsock_socket();
    if (!fd) return vsock_refused(path, fd.error());
    // The file gets the mode that the socket has before it has a name (less the umask): there is no
    // moment at which others could connect.
    if (::fchmod(fd->get(), S_IRUSR | S_IWUSR) != 0) return vsock_refused(path, errno);
    int error = vsock_call(::bind, fd->get(), path);
    if (error == EADDRINUSE) {
        RVMM_TRY(const Identity stale, stale_socket(path));
        remove(path, stale);
        error = vsock_call(::bind, fd->get(), path);
    }
    if (error != 0) return vsock_refused(path, error);
    VsockSocketFile made(path, *std::move(fd));
    struct stat status = {};
    if (::lstat(path.c_str(), &status) != 0) return vsock_refused(path, errno);
    made.identity_ = {.device = status.st_dev, .inode = status.st_ino};
    if (::listen(made.fd(), kVsockBacklog) != 0) return vsock_refused(path, errno);
    return made;
}

VsockSocketFile::~VsockSocketFile() {
    if (fd_) remove(path_, identity_);
}

}  // namespace rvmm::devices::virtio
