// The seam between rvmm and the kernel: every KVM call goes through a Driver, so that tests run the
// real code against a fake that knows the rules.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/mapping.hpp"
#include "base/unique_fd.hpp"

namespace rvmm::vmm::kvm {

/// Thread-safe: any thread may issue any call.
class Driver {
  public:
    virtual ~Driver() = default;
    /// Opens /dev/kvm. A file descriptor, or -errno.
    virtual int open_kvm() = 0;
    /// ioctl(2). Its result, or -errno.
    virtual long ioctl(int fd, unsigned long request, std::uintptr_t argument) = 0;
    /// Maps a vCPU's kvm_run area, `size` bytes, shared.
    virtual Result<Mapping> map_run(int vcpu_fd, std::size_t size) = 0;
    /// Gives back [offset, offset + size) of a guest_memfd or of a memfd that is guest memory:
    /// fallocate(2) with FALLOC_FL_PUNCH_HOLE. 0, or -errno.
    virtual int punch_hole(int fd, std::uint64_t offset, std::uint64_t size) = 0;
    /// The number in /sys/module/kvm/parameters/<name>; nothing where there is none.
    virtual std::optional<std::uint64_t> module_parameter(std::string_view name) = 0;
    /// The host's page size, bytes.
    virtual std::uint64_t page_size() = 0;
};

/// The kernel itself. Lives as long as the process.
Driver& real_driver();

}  // namespace rvmm::vmm::kvm
