#include "vmm/kvm/driver.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/ioctl.h>

namespace rvmm::vmm::kvm {
namespace {

class RealDriver final : public Driver {
  public:
    int open_kvm() override {
        const int fd = ::open("/dev/kvm", O_RDWR | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
    }
    long ioctl(int fd, unsigned long request, std::uintptr_t argument) override {
        const int result = ::ioctl(fd, request, argument);
        return result < 0 ? -errno : result;
    }
    Result<Mapping> map_run(int vcpu_fd, std::size_t size) override {
        return Mapping::create("kvm_run", size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu_fd);
    }
};

}  // namespace

Driver& real_driver() {
    static RealDriver driver;
    return driver;
}

}  // namespace rvmm::vmm::kvm
