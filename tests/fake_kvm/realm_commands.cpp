// The commands of v7 to v11: kvm-realm-abi-v10.md sections 2, 4 and 6.
#include <algorithm>

#include "fake_kvm/host_memory.hpp"
#include "fake_kvm/realm.hpp"
#include "fake_kvm/vm.hpp"

namespace rvmm::vmm::fake {

namespace abi = kvm::abi;

namespace {

constexpr std::uint64_t kPiece = 2ULL << 20;  // that POPULATE does at a time

template <class T>
std::optional<T> user_record(std::uint64_t address) {
    T record;
    if (!read_user(address, std::as_writable_bytes(std::span(&record, 1)))) return std::nullopt;
    return record;
}

}  // namespace

long Realm::command(std::uint64_t command, std::uint64_t argument) {
    switch (static_cast<abi::RealmCommand>(command)) {
        case abi::RealmCommand::kConfig:
            return configure(argument);
        case abi::RealmCommand::kCreate:
            if (state_ != State::kNone) return host_.ledger.refuse(EEXIST, "CREATE twice");
            return create();
        case abi::RealmCommand::kInitRipas:
            return init_ripas(argument);
        case abi::RealmCommand::kPopulate:
            return populate_from_slots(argument);
        case abi::RealmCommand::kActivate:
            return activate_by_command();
    }
    return host_.ledger.refuse(EINVAL, "no such realm command");
}

long Realm::configure(std::uint64_t argument) {
    Ledger& ledger = host_.ledger;
    if (state_ != State::kNone) return ledger.refuse(EBUSY, "CONFIG after CREATE");
    if (argument == 0) return -EFAULT;  // a probe: v10 sheet 10.3
    const auto config = user_record<abi::RealmConfigV10>(argument);
    if (!config) return ledger.refuse(EFAULT, "CONFIG: the kernel reads 260 bytes");
    const auto payload = std::as_bytes(std::span(config->payload));
    if (config->what == abi::kConfigRpv) {
        std::ranges::copy(payload.first(rpv_.size()), rpv_.begin());
        return 0;
    }
    if (config->what != abi::kConfigHash) return ledger.refuse(EINVAL, "CONFIG of nothing known");
    const auto hash = load_le<std::uint32_t>(payload);
    const std::uint32_t most = host_.options.sha512 ? 1 : 0;
    if (hash > most) return ledger.refuse(EINVAL, "CONFIG: a hash that the RMM has not");
    hash_ = static_cast<std::uint8_t>(hash);
    return 0;
}

long Realm::init_ripas(std::uint64_t argument) {
    Ledger& ledger = host_.ledger;
    const auto request = user_record<abi::InitRipasV10>(argument);
    if (!request) return ledger.refuse(EFAULT, "INIT_RIPAS: no record");
    const auto range = IpaRange::make(Ipa{request->base}, request->size);
    if (!range) return ledger.refuse(EINVAL, "INIT_RIPAS: the range wraps");
    if (state_ != State::kNew)
        return ledger.refuse(EPERM, "INIT_RIPAS before CREATE or after ACTIVATE");
    if (range->empty()) return 0;
    const RangeSet::Run run = {range->base().value, range->top().value};
    if (!initialised_.parts_in(run).empty())
        ledger.violation("INIT_RIPAS twice of a range: measured twice (v10 sheet 7)");
    const Slot* slot = vm_.memory.slot_at(range->base());
    if (slot == nullptr || !slot->range.contains(*range))
        ledger.violation("INIT_RIPAS outside a slot: measured all the same (seen 5)");
    switch (rmm_->init_ripas(*range, true)) {
        case realm::KvmHost::Ripas::kDone:
            initialised_.add(run);
            return 0;
        case realm::KvmHost::Ripas::kOccupied:
            return ledger.refuse(EINVAL, "INIT_RIPAS over populated pages");
        case realm::KvmHost::Ripas::kRefused:
            break;
    }
    ledger.kernel_warning();
    return ledger.refuse(ENXIO, "INIT_RIPAS: not pages of the private half");
}

long Realm::populate_from_slots(std::uint64_t argument) {
    Ledger& ledger = host_.ledger;
    const auto request = user_record<abi::PopulateV10>(argument);
    if (!request) return ledger.refuse(EFAULT, "POPULATE: no record");
    if (state_ != State::kNew)
        return ledger.refuse(EPERM, "POPULATE before CREATE or after ACTIVATE");
    const auto range = IpaRange::make(Ipa{request->base}, request->size);
    if (!range || !host_.is_page_aligned(request->base | request->size) ||
        (request->flags & ~abi::kPopulateMeasure) != 0)
        return ledger.refuse(EINVAL, "POPULATE: not whole pages, flags, or the range wraps");
    for (Ipa at = range->base(); at < range->top();) {
        const Ipa end = std::min(range->top(), at + kPiece);
        const bool measured = (request->flags & abi::kPopulateMeasure) != 0;
        const long error = populate_piece(*IpaRange::between(at, end), measured);
        if (error != 0) return error;
        at = end;
    }
    return 0;
}

// The source of a page is the slot's own user page, faulted in for writing.
long Realm::populate_piece(IpaRange piece, bool measured) {
    Ledger& ledger = host_.ledger;
    const std::uint64_t page = host_.options.page_size;
    const Slot* slot = vm_.memory.slot_at(piece.base());
    if (slot == nullptr) return ledger.refuse(EFAULT, "POPULATE outside the slots");
    if (!slot->range.contains(piece)) return ledger.refuse(EINVAL, "POPULATE past a slot's end");
    if (!slot->gmem) return ledger.refuse(EPERM, "POPULATE of a slot without guest_memfd");
    const std::uint64_t source = slot->userspace + (piece.base() - slot->range.base());
    Bytes content(piece.size());
    const Backing backing = backing_of(source, piece.size());
    if (!backing.mapped || !backing.writable || !read_user(source, content))
        return ledger.refuse(EFAULT, "POPULATE: the slot's memory cannot be written");
    for (std::uint64_t at = 0; at < piece.size(); at += page) {
        const Ipa ipa = piece.base() + at;
        if (populated_.contains(ipa.value) ||
            !rmm_->populate(ipa, measured, ByteSpan(content).subspan(at, page)))
            return ledger.refuse(ENXIO, "POPULATE: the RMM refuses (a page twice?)");
        populated_.add({ipa.value, ipa.value + page});
        vm_.memory.take(*IpaRange::make(ipa, page));
    }
    return 0;
}

long Realm::make_rec(Vcpu& vcpu) {
    Ledger& ledger = host_.ledger;
    if ((vcpu.features & (1U << (host_.rules.features - 1))) == 0)
        return ledger.refuse(EINVAL, "FINALIZE(REC) without the feature");
    if (state_ == State::kNone) return -ENOENT;  // a probe: v10 sheet 10.6
    if (state_ != State::kNew) return ledger.refuse(ENOENT, "FINALIZE(REC) of a realm not NEW");
    if (vcpu.rec_made || vcpu.rec_broken) return ledger.refuse(EBUSY, "FINALIZE(REC) twice");
    if (!has_rec_features(vcpu))
        return ledger.refuse(EINVAL, "FINALIZE(REC) without PSCI_0_2 or the VM's PMU");
    if (create_rec(vcpu)) return 0;
    vcpu.rec_broken = true;
    ledger.kernel_warning();  // at teardown: a second REC_DESTROY
    return ledger.refuse(ENXIO, "FINALIZE(REC) out of order: cannot be repaired (seen 5)");
}

long Realm::activate_by_command() {
    if (state_ != State::kNew)
        return host_.ledger.refuse(EINVAL, "ACTIVATE before CREATE, or twice");
    rmm_->activate();
    state_ = State::kActive;
    return 0;
}

}  // namespace rvmm::vmm::fake
