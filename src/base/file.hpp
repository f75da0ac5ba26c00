// Files are read once, whole, into memory that belongs to us; what was read is what is used.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace rvmm {

/// Bytes of a path: Linux's PATH_MAX without its NUL.
inline constexpr std::size_t kMaxPath = 4095;

/// Reads the regular file `path`. `role` names it in errors ("kernel", "initrd", "config").
/// Errors (Stage::kImage): it is missing, a directory, a FIFO or a device, unreadable, larger than
/// `limit` bytes, or its size or modification time changed while it was read.
Result<Bytes> read_file(std::string_view role, const std::filesystem::path& path,
                        std::uint64_t limit);

/// Opens `path` read-only without following it into something that blocks (a FIFO is refused).
Result<UniqueFd> open_regular(std::string_view role, const std::filesystem::path& path);

/// Reads an already opened regular file from its start. As read_file() otherwise.
Result<Bytes> read_open_file(std::string_view role, const std::filesystem::path& path, int fd,
                             std::uint64_t limit);

/// What tells that a file was written to.
struct FileVersion {
    std::uint64_t size = 0;  // bytes
    std::int64_t changed_s = 0, changed_ns = 0, written_s = 0, written_ns = 0;
    friend bool operator==(const FileVersion&, const FileVersion&) = default;
};

/// The pieces that read_file() is made of, with its errors.
Result<FileVersion> file_version(std::string_view role, const std::filesystem::path& path, int fd);
Result<> check_size(std::string_view role, const std::filesystem::path& path, std::uint64_t size,
                    std::uint64_t limit);
Result<> read_exactly(std::string_view role, const std::filesystem::path& path, int fd,
                      MutableByteSpan out, std::uint64_t offset);
Result<> check_version(std::string_view role, const std::filesystem::path& path, int fd,
                       const FileVersion& version);

/// Makes the file `path`, which is not there yet, for writing; `flags` are further ones of open(2).
/// Errors (Stage::kUsage) begin with "cannot make " and `what`.
Result<UniqueFd> create_file(std::string_view what, const std::filesystem::path& path,
                             int flags = 0);

/// Writes all of `bytes` to `fd`, through short writes and EINTR. Errors carry `stage`.
Result<> write_all(Stage stage, int fd, ByteSpan bytes, std::string_view what);

}  // namespace rvmm
