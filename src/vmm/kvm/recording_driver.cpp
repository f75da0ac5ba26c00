#include "vmm/kvm/recording_driver.hpp"

#include <bit>
#include <cerrno>

#include <fmt/format.h>
#include <linux/kvm.h>

#include "base/version.hpp"
#include "vmm/kvm/call_text.hpp"

namespace rvmm::vmm::kvm {
namespace {

std::string failure_text(int error_number) {
    return error_number != 0 ? " = " + errno_name(error_number) : "";
}

/// The descriptor of what the call made; nothing if it made nothing.
std::optional<int> made_descriptor(const Call& call, long result, std::uintptr_t argument) {
    if (result < 0) return std::nullopt;
    if (call.makes != ObjectKind::kDevice) return static_cast<int>(result);
    const auto& device = *std::bit_cast<const kvm_create_device*>(argument);
    if ((device.flags & KVM_CREATE_DEVICE_TEST) != 0) return std::nullopt;
    return static_cast<int>(device.fd);
}

}  // namespace

std::string recording_header(std::string_view kernel_release, Driver& driver) {
    return fmt::format("# rvmm {} recording 1\n# kernel {}\n# page-size {}\n", kVersion,
                       kernel_release, driver.page_size());
}

int RecordingDriver::open_kvm() {
    const int fd = inner_.open_kvm();
    const std::lock_guard lock(mutex_);
    if (fd >= 0)
        sink_(names_.add(fd, ObjectKind::kSystem, nullptr, 0).name + " OPEN");
    else
        sink_("kvm OPEN" + failure_text(-fd));
    return fd;
}

long RecordingDriver::ioctl(int fd, unsigned long request, std::uintptr_t argument) {
    if (request == KVM_RUN) return run(fd);
    Call call;
    std::string line;
    {
        const std::lock_guard lock(mutex_);
        const auto* object = names_.find(fd);
        call =
            describe_call(object != nullptr ? object->kind : ObjectKind::kNone, request, argument);
        line = names_.name(fd) + " " + call_text(call, request, argument, names_);
    }
    const long result = inner_.ioctl(fd, request, argument);
    const std::lock_guard lock(mutex_);
    if (call.makes != ObjectKind::kNone) name_new_object(fd, call, result, argument);
    sink_(line + outputs_text(call, result, names_) + result_text(call, result, names_));
    return result;
}

void RecordingDriver::name_new_object(int maker, const Call& call, long result,
                                      std::uintptr_t argument) {
    const auto made = made_descriptor(call, result, argument);
    if (!made) return;
    names_.add(*made, call.makes, names_.find(maker), call.number);
    runs_.erase(*made);  // of a vCPU that had the same number
}

long RecordingDriver::run(int fd) {
    VcpuRun vcpu;
    std::string line;
    {
        const std::lock_guard lock(mutex_);
        const auto found = runs_.find(fd);
        line = names_.name(fd) + " RUN";
        if (found != runs_.end()) vcpu = found->second;
        if (vcpu.wants_data)
            line += fmt::format(" data={}", value_text(mmio_read_data(*vcpu.run).fields.front(),
                                                       mmio_read_data(*vcpu.run), names_));
    }
    const long result = inner_.ioctl(fd, KVM_RUN, 0);
    if (vcpu.run != nullptr) line += exit_text(*vcpu.run, result);
    line += failure_text(result < 0 ? static_cast<int>(-result) : 0);
    const std::lock_guard lock(mutex_);
    if (vcpu.run != nullptr)
        runs_[fd].wants_data = describe_exit(*vcpu.run, result).name == kMmioReadExit;
    sink_(line);
    return result;
}

Result<Mapping> RecordingDriver::map_run(int vcpu_fd, std::size_t size) {
    auto mapping = inner_.map_run(vcpu_fd, size);
    const std::lock_guard lock(mutex_);
    const std::string line = fmt::format("{} MAP_RUN size={:#x}", names_.name(vcpu_fd), size);
    if (!mapping) {
        const int error_number = mapping.error().error_number();
        sink_(line + failure_text(error_number != 0 ? error_number : EINVAL));
        return mapping;
    }
    runs_[vcpu_fd] = {reinterpret_cast<kvm_run*>(mapping->data()), false};
    sink_(line);
    return mapping;
}

int RecordingDriver::punch_hole(int fd, std::uint64_t offset, std::uint64_t size) {
    const int result = inner_.punch_hole(fd, offset, size);
    const std::lock_guard lock(mutex_);
    sink_(fmt::format("{} PUNCH_HOLE offset={:#x} size={:#x}{}", names_.file(fd).name, offset, size,
                      failure_text(-result)));
    return result;
}

std::optional<std::uint64_t> RecordingDriver::module_parameter(std::string_view name) {
    const auto value = inner_.module_parameter(name);
    const std::lock_guard lock(mutex_);
    if (parameters_.emplace(name).second)
        sink_(fmt::format("host MODULE_PARAMETER name={} {}", name,
                          value ? fmt::format("-> value={}", *value) : "= ENOENT"));
    return value;
}

}  // namespace rvmm::vmm::kvm
