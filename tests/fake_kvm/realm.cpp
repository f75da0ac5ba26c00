#include "fake_kvm/realm.hpp"

#include <algorithm>
#include <bit>

#include <linux/kvm.h>

#include "fake_kvm/host_memory.hpp"
#include "fake_kvm/vm.hpp"

namespace rvmm::vmm::fake {

namespace abi = kvm::abi;

using P = rmi::RealmParams;

Realm::Realm(Vm& vm) : vm_(vm), host_(vm.host) {}

// ---- Creation ----------------------------------------------------------------------------------

// Every vCPU of the VM counts, also one that was not initialised yet.
bool Realm::add_sve(P& params) const {
    const std::uint32_t sve = 1U << KVM_ARM_VCPU_SVE;
    if ((vm_.features.value_or(0) & sve) == 0) return true;
    std::optional<std::uint32_t> lengths;
    for (const auto& [id, vcpu] : vm_.vcpus) {
        if (!vcpu.sve_finalised || vcpu.sve_vqs != lengths.value_or(vcpu.sve_vqs)) return false;
        lengths = vcpu.sve_vqs;
    }
    params.set(P::kFlags0, params.get(P::kFlags0) | P::kFlagSve);
    params.set(P::kSveVl, static_cast<std::uint32_t>(std::bit_width(lengths.value_or(1)) - 1));
    return true;
}

std::expected<P, int> Realm::params() const {
    P params;
    params.set(P::kS2sz, vm_.ipa_bits);
    params.set(P::kNumBps, static_cast<std::uint32_t>(vm_.dfr0 >> 12 & 0xf));
    params.set(P::kNumWps, static_cast<std::uint32_t>(vm_.dfr0 >> 20 & 0xf));
    params.set(P::kHashAlgo, hash_);
    params.set(P::kRpv, rpv_);
    if (vm_.has_pmu()) {
        params.set(P::kFlags0, P::kFlagPmu);
        params.set(P::kPmuNumCtrs, vm_.pmu_counters);
    }
    if (!add_sve(params)) return std::unexpected(EINVAL);
    return params;
}

long Realm::create() {
    const auto params = this->params();
    if (!params)
        return host_.ledger.refuse(params.error(),
                                   "realm creation: SVE not finalised, or unequal (sheet 4)");
    rmm_ = Rmm::create(host_, *params);
    if (!rmm_)
        return host_.ledger.refuse(
            ENXIO, "realm creation: the RMM refuses (no vCPU has had VCPU_INIT? seen 2.8)");
    state_ = State::kNew;
    return 0;
}

long Realm::ensure_created() {
    switch (state_) {
        case State::kNone:
            return create();
        case State::kNew:
            return 0;
        case State::kActive:
            return host_.ledger.refuse(EBUSY, "POPULATE of a realm that runs (sheet 6)");
        case State::kDead:
            return host_.ledger.refuse(ENXIO, "POPULATE or first run of a dead realm (sheet 6)");
    }
    return 0;
}

bool Realm::has_rec_features(const Vcpu& vcpu) const {
    const bool psci = (vcpu.features & (1U << KVM_ARM_VCPU_PSCI_0_2)) != 0;
    const bool pmu = (vcpu.features & (1U << KVM_ARM_VCPU_PMU_V3)) != 0;
    return vcpu.initialised && psci && (!vm_.has_pmu() || pmu);
}

bool Realm::create_rec(Vcpu& vcpu) {
    using R = rmi::RecParams;
    R params;
    params.set(R::kFlags, vcpu.id == 0 ? R::kFlagRunnable : 0);
    params.set(R::kMpidr, vcpu.registers[kMpidrId] & 0xff'00ff'ffffULL);
    params.set(R::kPc, vcpu.pc());
    for (unsigned i = 0; i < 8; ++i) params.set(R::kGprs, vcpu.x(i), i);
    vcpu.rec_made = rmm_->create_rec(params);
    return vcpu.rec_made;
}

// ---- POPULATE, v12 and later: sheet 6
// ------------------------------------------------------------

long Realm::check_populate(const abi::Populate& request) {
    Ledger& ledger = host_.ledger;
    const auto own_page = kPageSize4K;  // of this process; see GuestMemory::check_region
    if (request.reserved != 0 || (request.flags & ~abi::kPopulateMeasure) != 0)
        return ledger.refuse(EINVAL, "POPULATE: reserved or flags");
    if (!host_.is_page_aligned(request.base | request.size))
        return ledger.refuse(EINVAL, "POPULATE: not whole pages");
    if (request.source % own_page != 0) {
        if (host_.rules.source_aligned) return ledger.refuse(EINVAL, "POPULATE: source unaligned");
        ledger.violation("POPULATE: unaligned source, the page that holds it is used (seen 2.11)");
    }
    if (request.base + request.size < request.base ||
        request.base + request.size > vm_.shared_bit()) {
        if (host_.rules.strict_populate)
            return ledger.refuse(EINVAL, "POPULATE: beyond the private half (snapB)");
    }
    if (host_.rules.strict_populate && request.source == 0)
        return ledger.refuse(EINVAL, "POPULATE: no source (snapB)");
    if (!host_.rules.populate_in_out && request.size > abi::kPopulateMostV12)
        ledger.violation("POPULATE: the bytes do not fit the int that is returned (sheet 6)");
    return 0;
}

std::uint64_t Realm::next_limit() {
    auto& progress = host_.options.populate_progress;
    if (!progress.empty()) {
        const std::uint64_t limit = progress.front();
        progress.pop_front();
        return limit;
    }
    return host_.options.populate_pages == 0 ? UINT64_MAX : host_.options.populate_pages;
}

std::optional<Realm::Refusal> Realm::populate_page(Ipa ipa, std::uint64_t source, bool measured) {
    constexpr Refusal kUnreadable = {EFAULT, "POPULATE: source cannot be read"};
    const std::uint64_t size = host_.options.page_size;
    const auto page = *IpaRange::make(ipa, size);
    const bool twice = populated_.contains(ipa.value);
    if (twice && host_.rules.populate_twice == EEXIST)
        return Refusal{EEXIST, "POPULATE: a page twice (seen 2.7)"};
    page_.resize(size);
    const bool readable = read_user(align_down(source, kPageSize4K), page_);
    if (!readable && host_.rules.populate_in_out) return kUnreadable;
    if (!vm_.memory.is_private(page))
        return Refusal{EINVAL, "POPULATE: page is not PRIVATE (sheet 3.2)"};
    if (!readable) return kUnreadable;
    if (twice || !rmm_->populate(ipa, measured, page_))
        return Refusal{ENXIO, "POPULATE: the RMM refuses (a page twice? sheet 6)"};
    populated_.add({ipa.value, ipa.value + size});
    vm_.memory.take(page);
    return std::nullopt;
}

long Realm::populate_pages(const abi::Populate& request) {
    Ledger& ledger = host_.ledger;
    const std::uint64_t page = host_.options.page_size;
    const Slot* slot = vm_.memory.slot_at(Ipa{request.base});
    if (request.size == 0) {
        if (host_.rules.strict_populate) return 0;
        ledger.kernel_warning();
        return ledger.refuse(EINVAL, "POPULATE of nothing (seen 2.17)");
    }
    if (slot == nullptr || !slot->gmem)
        return ledger.refuse(EINVAL, "POPULATE outside the slots with guest_memfd (seen 2.11)");
    const std::uint64_t in_slot = (slot->range.top() - Ipa{request.base}) / page;
    const std::uint64_t wanted = std::min(request.size / page, in_slot);
    const std::uint64_t pages = std::min(wanted, next_limit());
    if (pages == 0) return -EINTR;
    for (std::uint64_t i = 0; i < pages; ++i) {
        const std::uint64_t at = i * page;
        const bool measured = (request.flags & abi::kPopulateMeasure) != 0;
        const auto refusal = populate_page(Ipa{request.base + at}, request.source + at, measured);
        if (!refusal) continue;
        // After progress the error waits for the next call: sheet 6.
        return i == 0 ? ledger.refuse(refusal->error_number, refusal->rule) : static_cast<long>(i);
    }
    return static_cast<long>(pages);
}

long Realm::return_progress(std::uint64_t argument, abi::Populate request, long pages) {
    if (pages < 0) return pages;
    const std::uint64_t bytes = static_cast<std::uint64_t>(pages) * host_.options.page_size;
    if (!host_.rules.populate_in_out) return static_cast<int>(bytes);
    request.base += bytes;
    request.source += bytes;
    request.size -= bytes;
    store_record(argument, request);
    return 0;
}

long Realm::populate(std::uint64_t argument) {
    const auto request = record_at<abi::Populate>(argument);
    if (!request) return -EFAULT;  // a probe: sheet 1.3
    if (const long error = check_populate(*request); error != 0) return error;
    // Where a VM without realm descriptor must not be closed, a VMM that gives up makes one, by
    // populating a page that is not private: seen 2.17. That is no mistake.
    const bool gives_up = host_.rules.warns_unused && state_ == State::kNone;
    if (const long error = ensure_created(); error != 0) return error;
    const auto page = IpaRange::make(Ipa{request->base}, host_.options.page_size);
    if (gives_up && page && vm_.memory.is_shared(*page)) return -EINVAL;
    return return_progress(argument, *request, populate_pages(*request));
}

// ---- The first KVM_RUN, v12 and later: sheet 7.1
// -------------------------------------------------

long Realm::init_ripas_of_slots() {
    for (const Slot* slot : vm_.memory.walk()) {
        if (!slot->gmem) continue;
        if (rmm_->init_ripas(slot->range, false) != realm::KvmHost::Ripas::kDone)
            return host_.ledger.refuse(ENXIO, "first run: the RMM refuses the RIPAS of a slot");
    }
    return 0;
}

long Realm::activate_created() {
    Ledger& ledger = host_.ledger;
    if (!vm_.gic.exists())
        return ledger.refuse(EOPNOTSUPP, "first run without an in-kernel GIC (sheet 8)");
    for (const std::uint32_t id : vm_.vcpu_order) {
        Vcpu& vcpu = vm_.vcpus.at(id);
        if (!has_rec_features(vcpu))
            return ledger.refuse(
                EINVAL, "first run: a vCPU without VCPU_INIT, PSCI_0_2 or the VM's PMU (sheet 6)");
        if (P unused; !add_sve(unused))
            return ledger.refuse(EINVAL, "first run: SVE not finalised, or unequal (sheet 6)");
        if (!create_rec(vcpu))
            return ledger.refuse(ENXIO, "first run: the RMM refuses a REC (vCPUs out of order?)");
    }
    if (const long error = init_ripas_of_slots(); error != 0) return error;
    rmm_->activate();
    return 0;
}

long Realm::activate() {
    if (state_ == State::kActive) return 0;
    if (state_ == State::kDead) return failed_ && host_.rules.dead_without_gic ? -ENXIO : 0;
    if (!vm_.gic.exists() && !host_.rules.dead_without_gic)
        return host_.ledger.refuse(EOPNOTSUPP, "first run without an in-kernel GIC (sheet 8)");
    if (const long error = ensure_created(); error != 0) return error;
    state_ = State::kDead;  // until all went well
    failed_ = true;
    if (const long error = activate_created(); error != 0) {
        vm_.dead = host_.rules.vm_dies;
        return error;
    }
    failed_ = false;
    state_ = State::kActive;
    return 0;
}

}  // namespace rvmm::vmm::fake
