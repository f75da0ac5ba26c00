#include "vmm/control/runtime_folder.hpp"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace rvmm::vmm {
namespace {

namespace fs = std::filesystem;

constexpr auto kLockPatience = std::chrono::seconds(2);
constexpr auto kLockStep = std::chrono::milliseconds(10);

std::unexpected<Error> unfit(const fs::path& path, std::string_view why) {
    return std::unexpected(
        Error(Stage::kHostCannot, fmt::format("the runtime folder {} {}", path.native(), why))
            .with_advice("remove it, or set XDG_RUNTIME_DIR to a folder of yours"));
}

}  // namespace

RuntimeFolder::Surroundings RuntimeFolder::ours() {
    const char* xdg = std::getenv("XDG_RUNTIME_DIR");  // NOLINT(concurrency-mt-unsafe)
    return {.xdg_runtime_dir = xdg == nullptr ? "" : xdg, .user = ::geteuid()};
}

fs::path RuntimeFolder::path_for(const Surroundings& surroundings) {
    const fs::path xdg(surroundings.xdg_runtime_dir);
    if (xdg.is_absolute()) return xdg / "rvmm";
    if (surroundings.user == 0) return surroundings.run / "rvmm";
    return surroundings.tmp / fmt::format("rvmm-{}", surroundings.user);
}

Result<RuntimeFolder> RuntimeFolder::open(const Surroundings& surroundings) {
    const fs::path path = path_for(surroundings);
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
        return fail_errno(Stage::kHostCannot, errno, "cannot make the runtime folder {}",
                          path.native());
    RVMM_TRY(auto folder, check(path, surroundings.user));
    if (!folder) return unfit(path, "is gone again");
    return *std::move(folder);
}

Result<std::optional<RuntimeFolder>> RuntimeFolder::find(const Surroundings& surroundings) {
    return check(path_for(surroundings), surroundings.user);
}

Result<std::optional<RuntimeFolder>> RuntimeFolder::check(const fs::path& path, unsigned user) {
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd && errno == ENOENT) return std::nullopt;
    // ENOTDIR: a symbolic link, too.
    if (!fd && (errno == ELOOP || errno == ENOTDIR)) return unfit(path, "is not a folder");
    if (!fd)
        return fail_errno(Stage::kHostCannot, errno, "cannot open the runtime folder {}",
                          path.native());
    struct stat status = {};
    if (::fstat(fd.get(), &status) != 0)
        return fail_errno(Stage::kHostCannot, errno, "cannot stat the runtime folder {}",
                          path.native());
    if (status.st_uid != user) return unfit(path, "belongs to somebody else");
    if ((status.st_mode & 077) != 0) return unfit(path, "is open to others");
    return RuntimeFolder(path, std::move(fd));
}

RuntimeFolder::Lock::~Lock() {
    if (fd_ >= 0) ::flock(fd_, LOCK_UN);
}

Result<RuntimeFolder::Lock> RuntimeFolder::lock() const {
    const auto deadline = std::chrono::steady_clock::now() + kLockPatience;
    while (::flock(fd_.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return fail_errno(Stage::kHostCannot, errno, "cannot lock the runtime folder {}",
                              path_.native());
        if (std::chrono::steady_clock::now() > deadline)
            return fail(Stage::kHostCannot, "another process keeps the runtime folder {} locked",
                        path_.native());
        std::this_thread::sleep_for(kLockStep);
    }
    return Lock(fd_.get());
}

}  // namespace rvmm::vmm
