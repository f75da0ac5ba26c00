#include "fake_kvm/fake_kvm.hpp"

#include <algorithm>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_kvm/host_memory.hpp"

namespace rvmm::vmm {
namespace {

// An object's descriptor is a file of its own, so that a number that was closed and given out
// again is not taken for it.
std::uint64_t inode_of(int fd) {
    struct stat status = {};
    return ::fstat(fd, &status) == 0 ? status.st_ino : 0;
}

}  // namespace

FakeKvm::FakeKvm(FakeOptions options) : host_(std::move(options)) {}

FakeKvm::~FakeKvm() = default;

// ---- Descriptors -------------------------------------------------------------------------------

int FakeKvm::make(Object object) {
    const int fd = ::memfd_create("fake-kvm", MFD_CLOEXEC);
    if (objects_.contains(fd)) reap();
    object.inode = inode_of(fd);
    objects_[fd] = std::move(object);
    return fd;
}

void FakeKvm::reap() {
    std::erase_if(objects_,
                  [](const auto& entry) { return inode_of(entry.first) != entry.second.inode; });
    for (const auto& vm : vms_) {
        const bool open =
            std::ranges::any_of(objects_, [&](const auto& entry) { return entry.second.vm == vm; });
        if (!open && !vm->closed) vm->close();
    }
}

std::size_t FakeKvm::open_descriptors() {
    const std::lock_guard lock(host_.mutex);
    reap();
    return objects_.size();
}

int FakeKvm::kernel_warnings() {
    const std::lock_guard lock(host_.mutex);
    reap();
    return host_.ledger.kernel_warnings();
}

int FakeKvm::ordinary_warnings() {
    const std::lock_guard lock(host_.mutex);
    reap();
    return host_.ledger.ordinary_warnings();
}

int FakeKvm::open_kvm() {
    const std::lock_guard lock(host_.mutex);
    return open_error != 0 ? -open_error : make({});
}

Result<Mapping> FakeKvm::map_run(int vcpu_fd, std::size_t size) {
    RVMM_TRY(auto mapping, Mapping::create("fake kvm_run", size, PROT_READ | PROT_WRITE,
                                           MAP_SHARED | MAP_ANONYMOUS, -1));
    const std::lock_guard lock(host_.mutex);
    const Object& object = objects_.at(vcpu_fd);
    runs_[&object.vm->vcpus.at(object.id)] = mapping.data();
    return mapping;
}

// ---- Failures ----------------------------------------------------------------------------------

int FakeKvm::injected(unsigned long request) {
    const int nth = calls_of_[request]++;
    if (calls_++ == failing_call_) return failure_;
    for (const Failure& failure : failing_requests_)
        if (failure.request == request && failure.nth == nth) return failure.error_number;
    return 0;
}

void FakeKvm::fail_call(int nth, int error_number) {
    const std::lock_guard lock(host_.mutex);
    failing_call_ = nth;
    failure_ = error_number;
}

void FakeKvm::fail_request(unsigned long request, int nth, int error_number) {
    const std::lock_guard lock(host_.mutex);
    failing_requests_.push_back({request, nth, error_number});
}

int FakeKvm::calls() const {
    return calls_;
}

int FakeKvm::calls_of(unsigned long request) const {
    const auto found = calls_of_.find(request);
    return found == calls_of_.end() ? 0 : found->second;
}

// ---- Other calls of the seam -------------------------------------------------------------------

int FakeKvm::punch_hole(int fd, std::uint64_t offset, std::uint64_t size) {
    const std::lock_guard lock(host_.mutex);
    if (const int error = injected(0); error != 0) return -error;
    const auto object = objects_.find(fd);
    const bool is_gmem = object != objects_.end() && object->second.kind == Kind::kGmem;
    holes_.push_back({fd, is_gmem, offset, size});
    if (is_gmem) {
        fake::Vm& owner = *object->second.vm;
        return static_cast<int>(
            owner.memory.punch(*object->second.gmem, offset, size, owner.phase()));
    }
    const int done = ::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                 static_cast<off_t>(offset), static_cast<off_t>(size));
    return done == 0 ? 0 : -errno;
}

std::optional<std::uint64_t> FakeKvm::module_parameter(std::string_view name) {
    const auto& parameters = host_.options.module_parameters;
    const auto found = parameters.find(name);
    if (found == parameters.end()) return std::nullopt;
    return found->second;
}

// ---- What tests look at ------------------------------------------------------------------------

fake::Vm& FakeKvm::vm() {
    if (!current_) throw std::logic_error("no VM was made on the fake");
    return *current_;
}

std::vector<kvm_userspace_memory_region> FakeKvm::slots() {
    std::vector<kvm_userspace_memory_region> slots;
    for (const fake::Slot& slot : vm().memory.slots())
        slots.push_back({.slot = slot.id,
                         .flags = slot.flags,
                         .guest_phys_addr = slot.range.base().value,
                         .memory_size = slot.range.size(),
                         .userspace_addr = slot.userspace});
    return slots;
}

std::map<std::uint32_t, bool> FakeKvm::spis() {
    const std::lock_guard lock(host_.mutex);
    return vm().spis;
}

void FakeKvm::script(std::uint32_t id, std::vector<Step> steps) {
    const std::lock_guard lock(host_.mutex);
    scripts_[id].assign(std::make_move_iterator(steps.begin()),
                        std::make_move_iterator(steps.end()));
}

}  // namespace rvmm::vmm
