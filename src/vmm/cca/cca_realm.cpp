#include "vmm/cca/cca_realm.hpp"

#include "vmm/cca/causes.hpp"
#include "vmm/kvm/realm_abi.hpp"

namespace rvmm::vmm::cca {
namespace {

// Another vCPU can have converted the pages in the meantime, so the first repeats mean nothing.
constexpr unsigned kMostIdleFaults = 16;

}  // namespace

Result<CallReply> CcaRealm::call(std::size_t, rmi::SmcRegisters& registers, bool) {
    return host_calls_.call(registers.x);
}

Result<CallReply> CcaRealm::memory_fault(std::size_t vcpu, const kvm::MemoryFaultExit& fault) {
    const bool to_private = (fault.flags & kvm::abi::kMemoryFaultPrivate) != 0;
    const auto panic = [&](std::string_view why) -> CallReply {
        return RunOutcome{RunOutcome::Kind::kPanic, 0,
                          fmt::format("vCPU {} wants {} bytes at {:#x} {}: {}", vcpu, fault.size,
                                      fault.address.value, to_private ? "private" : "shared", why)};
    };
    const auto range = IpaRange::make(fault.address, fault.size);
    if (!range) return panic("that is no range of addresses");
    auto changed = realm_.memory().convert(
        *range, to_private ? GuestMemory::State::kPrivate : GuestMemory::State::kShared);
    if (!changed && changed.error().stage() == Stage::kGuest)
        return panic(changed.error().message());
    if (!changed) return std::unexpected(std::move(changed).error());

    if (*changed != 0) note_conversion();
    LastFault& last = faults_[vcpu];
    const bool again = last.flags == fault.flags && last.range == *range && *changed == 0;
    last = {fault.flags, *range, again ? last.idle + 1 : 0};
    if (last.idle >= kMostIdleFaults)
        return panic(
            "there is nothing left to convert, and the kernel asks again and again; RAM "
            "was asked for where the realm has none, most likely");
    return Answered{};
}

std::string CcaRealm::explain(const kvm::FailedExit& failed) const {
    if (failed.error_number == 0) return {};
    return usual_cause(traits(realm_.host().revision), Step::kRun, failed.error_number);
}

void CcaRealm::add_counters(RunCounters& counters) const {
    const GuestMemory::Counters memory = realm_.memory().counters();
    counters.conversions += memory.conversions;
    counters.converted_bytes += memory.converted_bytes;
    counters.shared_bytes += memory.shared_bytes;
    counters.refused_accesses += memory.refused_accesses;
}

}  // namespace rvmm::vmm::cca
