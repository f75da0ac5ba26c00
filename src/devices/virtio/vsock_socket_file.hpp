// The name of a Unix socket that rvmm listens at, in the file system: it takes nobody else's place,
// and goes when rvmm ends. Source: unix(7).
#pragma once

#include <filesystem>

#include <sys/types.h>

#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace rvmm::devices::virtio {

class VsockSocketFile {
  public:
    /// Bytes of a path that the kernel takes.
    static constexpr std::size_t kMaxPath = 107;

    /// Listens at `path`, for this user only. A socket that nobody listens at any more is replaced.
    /// Errors: the path is empty or too long (Stage::kConfig); there is something else, somebody
    /// listens, or the kernel refuses (Stage::kHostCannot).
    static Result<VsockSocketFile> listen(const std::filesystem::path& path);
    VsockSocketFile(VsockSocketFile&& other) noexcept = default;
    VsockSocketFile& operator=(VsockSocketFile&&) = delete;
    /// Removes the name, if it is still this socket's.
    ~VsockSocketFile();

    /// A stream to who listens at `path`, non-blocking; or the errno value. Never waits.
    static std::expected<UniqueFd, int> dial(const std::filesystem::path& path);

    /// Listens, non-blocking.
    int fd() const { return fd_.get(); }

  private:
    struct Identity {
        dev_t device = 0;
        ino_t inode = 0;
        friend bool operator==(const Identity&, const Identity&) = default;
    };
    VsockSocketFile(std::filesystem::path path, UniqueFd fd)
        : path_(std::move(path)), fd_(std::move(fd)) {}
    static Result<Identity> stale_socket(const std::filesystem::path& path);
    static void remove(const std::filesystem::path& path, const Identity& only);

    std::filesystem::path path_;
    UniqueFd fd_;  // none: moved from
    Identity identity_;
};

}  // namespace rvmm::devices::virtio
