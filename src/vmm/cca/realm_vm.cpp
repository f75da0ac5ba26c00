#include "vmm/cca/realm_vm.hpp"

#include "vmm/kvm/realm_abi.hpp"

namespace rvmm::vmm::cca {
namespace {

namespace abi = kvm::abi;

/// Populating a page that is not private fails, but the realm's descriptor has been made by then
/// (seen on a running v12 host). The parameters come from an initialised vCPU.
void make_descriptor(kvm::Vm& vm, std::uint64_t page_size, bool vcpu_initialised) {
    if (!vcpu_initialised) {
        auto vcpu = vm.create_vcpu(0);
        if (!vcpu || vcpu->try_init({}) < 0) return;
    }
    abi::CreateGuestMemfd memfd = {.size = page_size, .flags = 0, .reserved = {}};
    const long fd = vm.call(abi::kCreateGuestMemfd, &memfd);
    if (fd < 0) return;
    const UniqueFd file(static_cast<int>(fd));
    auto page = Mapping::create("a page", page_size, PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1);
    if (!page) return;
    // No board has anything at 0; the number is one that no launch uses.
    abi::UserMemoryRegion2 region = {};
    region.slot = 31;
    region.flags = abi::kMemGuestMemfd;
    region.memory_size = page_size;
    region.userspace_addr = reinterpret_cast<std::uintptr_t>(page->data());
    region.guest_memfd = static_cast<std::uint32_t>(fd);
    if (vm.call(abi::kSetUserMemoryRegion2, &region) < 0) return;
    abi::Populate populate = {};
    populate.size = page_size;
    populate.source = region.userspace_addr;
    static_cast<void>(vm.call(abi::kPopulateV12, &populate));
    region.memory_size = 0;  // the slot goes before the memory behind it
    static_cast<void>(vm.call(abi::kSetUserMemoryRegion2, &region));
}

}  // namespace

RealmVm::~RealmVm() {
    if (vm_ && !descriptor_made_ && host_.revision == Revision::kV12)
        make_descriptor(*vm_, host_.page_size, vcpu_initialised_);
}

}  // namespace rvmm::vmm::cca
