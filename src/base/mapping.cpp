#include "base/mapping.hpp"

#include <cerrno>

#include <unistd.h>

namespace rvmm {

Mapping& Mapping::operator=(Mapping&& other) noexcept {
    if (this != &other) {
        if (data_ != nullptr) ::munmap(data_, size_);
        data_ = std::exchange(other.data_, nullptr);
        size_ = std::exchange(other.size_, 0);
    }
    return *this;
}

Mapping::~Mapping() {
    if (data_ != nullptr) ::munmap(data_, size_);
}

Result<Mapping> Mapping::create(std::string_view what, std::size_t size, int protection, int flags,
                                int fd, std::uint64_t offset) {
    void* data = ::mmap(nullptr, size, protection, flags, fd, static_cast<off_t>(offset));
    if (data == MAP_FAILED)
        return fail_errno(Stage::kLaunch, errno, "cannot map {} ({} bytes)", what, size);
    return Mapping(data, size);
}

void Mapping::shrink(std::size_t size) {
    const auto page_size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t kept = (size + page_size - 1) / page_size * page_size;
    if (kept == 0 || kept >= size_) return;
    ::munmap(data() + kept, size_ - kept);
    size_ = kept;
}

}  // namespace rvmm
