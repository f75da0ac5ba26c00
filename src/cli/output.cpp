#include "cli/output.hpp"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.hpp"

namespace rvmm::cli {
namespace {

constexpr std::size_t kBufferSize = 1U << 20;
constexpr std::uint64_t kLongWork = 1ULL << 30;  // bytes

std::string own_path(int fd) {
    return fmt::format("/proc/self/fd/{}", fd);
}

/// A file in the folder of `path` that has no name yet: nothing where that cannot be had, or where
/// `path` is there. Making one at `path` tells why.
UniqueFd nameless_file(const std::filesystem::path& path) {
    struct stat status = {};
    if (!path.has_filename() || ::lstat(path.c_str(), &status) == 0 || errno != ENOENT) return {};
    const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
    UniqueFd fd(::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644));
    if (!fd || ::access(own_path(fd.get()).c_str(), F_OK) != 0) return {};
    return fd;
}

}  // namespace

bool stdout_is_terminal() {
    return ::isatty(STDOUT_FILENO) == 1;
}

Result<> print(std::string_view text, std::string_view what) {
    return write_all(Stage::kLaunch, STDOUT_FILENO, as_bytes(text), what);
}

Result<NewFile> NewFile::create(std::filesystem::path path, std::string what, Appears appears) {
    if (UniqueFd fd = appears == Appears::kWhole ? nameless_file(path) : UniqueFd()) {
        NewFile file(std::move(path), std::move(what), std::move(fd));
        file.named_ = false;
        return file;
    }
    UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (!fd)
        return fail_errno(Stage::kUsage, errno, "cannot create the {} {}", what, path.native());
    return NewFile(std::move(path), std::move(what), std::move(fd));
}

NewFile::~NewFile() {
    if (fd_ && named_ && !finished_) ::unlink(path_.c_str());
}

Result<> NewFile::write(ByteSpan bytes) {
    buffer_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return buffer_.size() < kBufferSize ? Result<>() : flush();
}

Result<> NewFile::flush() {
    RVMM_CHECK(write_all(Stage::kLaunch, fd_.get(), as_bytes(buffer_),
                         fmt::format("the {} {}", what_, path_.native())));
    buffer_.clear();
    return {};
}

Result<> NewFile::finish() {
    RVMM_CHECK(flush());
    if (!named_ && ::linkat(AT_FDCWD, own_path(fd_.get()).c_str(), AT_FDCWD, path_.c_str(),
                            AT_SYMLINK_FOLLOW) != 0)
        return fail_errno(Stage::kUsage, errno, "cannot create the {} {}", what_, path_.native());
    finished_ = true;
    return {};
}

Result<> emit(const std::string& path, ByteSpan bytes, Contents contents) {
    if (!path.empty()) {
        RVMM_TRY(NewFile file, NewFile::create(path, "output"));
        RVMM_CHECK(file.write(bytes));
        return file.finish();
    }
    if (contents == Contents::kCbor && stdout_is_terminal())
        return fail(Stage::kUsage, "CBOR is not for a terminal: use --output FILE or a pipe");
    return write_all(Stage::kLaunch, STDOUT_FILENO, bytes, "the output");
}

std::function<void(std::uint64_t, std::uint64_t)> progress_line(std::string what) {
    if (::isatty(STDERR_FILENO) != 1) return {};
    return [what = std::move(what)](std::uint64_t done, std::uint64_t total) {
        if (total < kLongWork) return;
        const std::string line = fmt::format("\r{}: {} of {} MiB{}", what, done >> 20, total >> 20,
                                             done == total ? "\r\x1b[K" : "");
        (void)::write(STDERR_FILENO, line.data(), line.size());
    };
}

}  // namespace rvmm::cli
