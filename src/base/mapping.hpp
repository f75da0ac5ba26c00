// An owned memory mapping.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include <sys/mman.h>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace rvmm {

class Mapping {
  public:
    Mapping() = default;
    Mapping(Mapping&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    Mapping& operator=(Mapping&& other) noexcept;
    ~Mapping();

    /// mmap() with the same arguments, at an address of the kernel's choice. `what` names it in
    /// errors (Stage::kLaunch).
    static Result<Mapping> create(std::string_view what, std::size_t size, int protection,
                                  int flags, int fd, std::uint64_t offset = 0);

    /// Gives back all pages that lie wholly behind the first `size` bytes.
    void shrink(std::size_t size);

    std::byte* data() const { return static_cast<std::byte*>(data_); }
    std::size_t size() const { return size_; }
    MutableByteSpan bytes() const { return {data(), size_}; }
    explicit operator bool() const { return data_ != nullptr; }

  private:
    Mapping(void* data, std::size_t size) : data_(data), size_(size) {}
    void* data_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace rvmm
