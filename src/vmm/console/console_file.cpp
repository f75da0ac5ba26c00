#include "vmm/console/console_file.hpp"

#include <unistd.h>

#include "base/file.hpp"

namespace rvmm::vmm {

Result<ConsoleFile> ConsoleFile::create(std::filesystem::path path) {
    RVMM_TRY(UniqueFd fd, create_file("the console's file", path));
    return ConsoleFile(std::move(path), std::move(fd));
}

ConsoleFile::~ConsoleFile() {
    if (fd_ && !kept_) ::unlink(path_.c_str());
}

}  // namespace rvmm::vmm
