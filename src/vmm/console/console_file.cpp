#include "vmm/console/console_file.hpp"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace rvmm::vmm {

Result<ConsoleFile> ConsoleFile::create(std::filesystem::path path) {
    UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (fd) return ConsoleFile(std::move(path), std::move(fd));
    const int error_number = errno;
    auto error = Error::from_errno(Stage::kUsage,
                                   fmt::format("cannot make the console's file {}", path.native()),
                                   error_number);
    return std::unexpected(std::move(error).with_advice(
        error_number == EEXIST ? "name a file that is not there yet: nothing is overwritten"
                               : "name a file in a folder that you can write to"));
}

ConsoleFile::~ConsoleFile() {
    if (fd_ && !kept_) ::unlink(path_.c_str());
}

}  // namespace rvmm::vmm
