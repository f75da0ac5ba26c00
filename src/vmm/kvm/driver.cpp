#include "vmm/kvm/driver.hpp"

#include <cerrno>
#include <fstream>
#include <string>

#include <fcntl.h>
#include <sys/ioctl.h>

#include "base/page_size.hpp"

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
    int punch_hole(int fd, std::uint64_t offset, std::uint64_t size) override {
        const int result = ::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                       static_cast<off_t>(offset), static_cast<off_t>(size));
        return result < 0 ? -errno : 0;
    }
    std::optional<std::uint64_t> module_parameter(std::string_view name) override {
        std::ifstream file("/sys/module/kvm/parameters/" + std::string(name));
        std::uint64_t value = 0;
        if (!(file >> value)) return std::nullopt;
        return value;
    }
    std::uint64_t page_size() override { return host_page_size(); }
};

}  // namespace

Driver& real_driver() {
    static RealDriver driver;
    return driver;
}

}  // namespace rvmm::vmm::kvm
