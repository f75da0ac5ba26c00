#include "vmm/machine/built_vm.hpp"

#include <algorithm>

namespace rvmm::vmm {
namespace {

constexpr std::uint32_t kPrivateInterrupts = 32;  // SGIs and PPIs

Result<kvm::Vcpu> create_vcpu(kvm::Vm& vm, const realm::CreateRecStep& step) {
    RVMM_TRY(auto vcpu, vm.create_vcpu(step.index));
    RVMM_CHECK(vcpu.init({.powered_off = !step.runnable}));
    RVMM_CHECK(check_mpidr(vcpu, step));
    if (step.runnable) RVMM_CHECK(set_entry(vcpu, step));
    return vcpu;
}

Result<> load_blob(const realm::Blob& blob, Memory& memory, PopulateMeter& meter) {
    constexpr std::size_t kPiece = std::size_t{16} << 20;  // bytes
    ByteSpan rest = blob.bytes();
    for (std::uint64_t done = 0; !rest.empty(); done += kPiece) {
        const ByteSpan piece = rest.first(std::min(rest.size(), kPiece));
        RVMM_CHECK(memory.load(blob.base + done, piece));
        meter.add(piece.size());
        rest = rest.subspan(piece.size());
    }
    return {};
}

}  // namespace

PopulateMeter::PopulateMeter(const realm::LaunchPlan& plan, PopulateProgress progress)
    : progress_(std::move(progress)) {
    for (const realm::PlanStep& step : plan.steps())
        if (const auto* populate = std::get_if<realm::PopulateStep>(&step))
            total_ += plan.layout().blobs[populate->blob].bytes().size();
    add(0);
}

void PopulateMeter::add(std::uint64_t bytes) {
    done_ += bytes;
    if (progress_) progress_(done_, total_);
}

Result<> check_mpidr(const kvm::Vcpu& vcpu, const realm::CreateRecStep& step) {
    RVMM_TRY(const std::uint64_t mpidr, vcpu.mpidr());
    if (mpidr != step.mpidr)
        return fail(Stage::kInternal, "KVM gave vCPU {} MPIDR {:#x}, the device tree says {:#x}",
                    step.index, mpidr, step.mpidr);
    return {};
}

Result<> set_entry(kvm::Vcpu& vcpu, const realm::CreateRecStep& step) {
    for (unsigned i = 0; i < step.gprs.size(); ++i) RVMM_CHECK(vcpu.set_x(i, step.gprs[i]));
    return vcpu.set_pc(step.pc);
}

Result<> create_gic(kvm::Vm& vm, const realm::Board& board, std::uint64_t alias) {
    const auto at = [alias](const IpaRange& frames) { return Ipa{frames.base().value | alias}; };
    kvm::GicAddresses addresses = {};
    addresses.distributor = at(board.gic.distributor);
    addresses.redistributors = at(board.gic.redistributors);
    addresses.redistributor_count = static_cast<std::uint32_t>(board.cpus.size());
    addresses.its = at(board.gic.its);
    addresses.interrupt_count = kPrivateInterrupts + board.spi_count;
    return vm.create_gic(addresses);
}

Result<BuiltVm> build_vm(const realm::LaunchPlan& plan, const kvm::System& system,
                         LoadedGuest& guest, PopulateProgress progress) {
    RVMM_TRY(auto created, system.create_vm(guest.ipa_bits()));
    auto vm = std::make_unique<kvm::Vm>(std::move(created));
    std::vector<kvm::Vcpu> vcpus;
    std::uint32_t number = 0;
    for (const MemorySlot& slot : guest.memory().slots())
        RVMM_CHECK(vm->add_memory(number++, slot.range, slot.host));
    PopulateMeter meter(plan, std::move(progress));
    for (const realm::PlanStep& step : plan.steps()) {
        if (const auto* populate = std::get_if<realm::PopulateStep>(&step)) {
            RVMM_CHECK(load_blob(plan.layout().blobs[populate->blob], guest.memory(), meter));
        } else if (const auto* rec = std::get_if<realm::CreateRecStep>(&step)) {
            RVMM_TRY(auto vcpu, create_vcpu(*vm, *rec));
            vcpus.push_back(std::move(vcpu));
        }
        // Activation and the RIPAS of RAM belong to the software RMM, which starts active with
        // all of RAM; an ordinary VM has neither.
    }
    guest.memory().seal();
    RVMM_CHECK(create_gic(*vm, plan.board(), guest.alias()));
    for (const kvm::SmcccRange range : guest.forwarded()) RVMM_CHECK(vm->forward_smccc(range));
    return BuiltVm{std::move(vm), std::move(vcpus)};
}

}  // namespace rvmm::vmm
