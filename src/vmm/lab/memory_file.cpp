#include "vmm/lab/memory_file.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/mman.h>

#include "base/file.hpp"

namespace rvmm::vmm::lab {

Result<UniqueFd> make_memory_file(const char* name, ByteSpan bytes) {
    UniqueFd fd(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd) return fail_errno(Stage::kLaunch, errno, "cannot make the memory file {}", name);
    RVMM_CHECK(write_all(Stage::kLaunch, fd.get(), bytes, name));
    const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    if (::fcntl(fd.get(), F_ADD_SEALS, seals) != 0)
        return fail_errno(Stage::kLaunch, errno, "cannot seal the memory file {}", name);
    return fd;
}

std::string path_of_inherited(int fd) {
    return fmt::format("/proc/self/fd/{}", fd);
}

}  // namespace rvmm::vmm::lab
