#include "base/mapping.hpp"

#include <cerrno>

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

}  // namespace rvmm
