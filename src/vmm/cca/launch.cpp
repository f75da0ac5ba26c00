#include "vmm/cca/launch.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "vmm/cca/causes.hpp"
#include "vmm/cca/realm_vcpus.hpp"
#include "vmm/hosts/host_calls.hpp"

namespace rvmm::vmm::cca {
namespace {

constexpr std::uint32_t kPmuInterrupt = 23;  // the INTID that every arm64 system gives its PMU
// How often a call may do nothing, one after the other, before that is a failure.
constexpr int kMostIdleCalls = 1000;
constexpr auto kIdlePause = std::chrono::milliseconds(1);

std::unexpected<Error> step_failed(const RevisionTraits& revision, Step step, std::string_view what,
                                   int error_number) {
    return std::unexpected(
        Error::from_errno(Stage::kLaunch, fmt::format("{} ({})", what, revision.name), error_number)
            .with_advice(usual_cause(revision, step, error_number)));
}

/// Populates one blob in as few calls as the kernel takes.
class Population {
  public:
    Population(RealmCalls& calls, const RealmVm& vm, const realm::Blob& blob, bool measured,
               PopulateMeter& meter)
        : calls_(calls), vm_(vm), blob_(blob), measured_(measured), meter_(meter) {}

    Result<> run() {
        const ByteSpan bytes = blob_.bytes();
        while (done_ < bytes.size()) {
            const std::uint64_t most =
                std::min<std::uint64_t>(bytes.size() - done_, calls_.populates_at_once());
            const auto now =
                calls_.populate(blob_.base + done_, bytes.subspan(done_, most), measured_);
            RVMM_CHECK(look_at(now));
        }
        return {};
    }

  private:
    Result<> look_at(const std::expected<std::uint64_t, int>& now) {
        if (now && *now > 0) {
            done_ += *now;
            meter_.add(*now);
            idle_calls_ = 0;
            return {};
        }
        const int error = now ? 0 : now.error();
        const bool again = error == 0 || error == EINTR || error == EAGAIN;
        if (!again) return failed(error);
        if (++idle_calls_ == kMostIdleCalls) return failed(error);
        if (error != EINTR) std::this_thread::sleep_for(kIdlePause);
        return {};
    }

    std::unexpected<Error> failed(int error) const {
        const std::uint64_t page_size = vm_.host().page_size;
        const std::string where = fmt::format(
            "populating {} stopped at page {} of {}, at {:#x}", to_string(blob_.kind),
            done_ / page_size + 1, blob_.bytes().size() / page_size, (blob_.base + done_).value);
        if (error == 0)
            return fail(Stage::kLaunch, "{} ({}): the kernel made no progress in {} calls", where,
                        vm_.revision().name, kMostIdleCalls);
        return step_failed(vm_.revision(), Step::kPopulate, where, error);
    }

    RealmCalls& calls_;
    const RealmVm& vm_;
    const realm::Blob& blob_;
    bool measured_;
    PopulateMeter& meter_;
    std::uint64_t done_ = 0;  // bytes
    int idle_calls_ = 0;
};

/// The steps of a plan before activation that are not the kernel's.
struct Builder {
    const realm::LaunchPlan& plan;
    RealmVm& vm;
    RealmCalls& calls;
    std::vector<kvm::Vcpu>& vcpus;
    PopulateMeter& meter;

    Result<> operator()(const realm::PopulateStep& step) const {
        return Population(calls, vm, plan.layout().blobs[step.blob], step.measured, meter).run();
    }
    Result<> operator()(const realm::CreateRecStep& step) const {
        if (const int error = calls.create_rec(vcpus[step.index]))
            return step_failed(vm.revision(), Step::kRec,
                               fmt::format("making the REC of vCPU {} failed", step.index), error);
        return {};
    }
    Result<> operator()(const realm::InitRipasStep& step) const {
        if (const int error = calls.init_ripas(step.range))
            return step_failed(vm.revision(), Step::kRipas,
                               fmt::format("initialising the RIPAS of {} bytes at {:#x} failed",
                                           step.range.size(), step.range.base().value),
                               error);
        return {};
    }
    Result<> operator()(const realm::ActivateStep&) const { return {}; }  // activate()'s
};

GuestMemory::Options memory_options(const realm::LaunchPlan& plan, const RealmVm& vm) {
    return {.ram = plan.board().ram,
            .shared_bit = std::uint64_t{1} << (plan.spec().realm->ipa_bits - 1),
            .page_size = vm.host().page_size,
            .attributes = vm.revision().attributes};
}

/// What is built on vCPUs: the GIC, PMUs, and the calls that come to us.
Result<> finish_machine(const realm::LaunchPlan& plan, kvm::Vm& vm, std::vector<kvm::Vcpu>& vcpus) {
    // KVM knows the shared bit: devices are where the device tree says.
    RVMM_CHECK(create_gic(vm, plan.board(), 0));
    if (plan.spec().realm->pmu_counters != 0)
        for (kvm::Vcpu& vcpu : vcpus) RVMM_CHECK(vcpu.init_pmu(kPmuInterrupt));
    for (const kvm::SmcccRange range : host_call_ranges()) RVMM_CHECK(vm.forward_smccc(range));
    return {};
}

}  // namespace

Result<PopulatedRealm> PopulatedRealm::create(const realm::LaunchPlan& plan, RealmVm vm,
                                              PopulateProgress progress) {
    RVMM_CHECK(check_profile(vm.revision(), vm.host().page_size, *plan.profile()));
    auto owned = std::make_unique<RealmVm>(std::move(vm));
    RVMM_TRY(auto vcpus, create_vcpus(plan, *owned));
    RVMM_TRY(auto memory, GuestMemory::create(owned->vm(), memory_options(plan, *owned)));
    RVMM_CHECK(finish_machine(plan, owned->vm(), vcpus));
    auto calls = RealmCalls::of(*owned, *memory);
    RVMM_CHECK(calls->create(*plan.spec().realm));
    PopulateMeter meter(plan, std::move(progress));
    const Builder builder{plan, *owned, *calls, vcpus, meter};
    for (const realm::PlanStep& step : plan.steps())
        if (performer(owned->revision(), step) == Performer::kRvmm)
            RVMM_CHECK(std::visit(builder, step));
    return PopulatedRealm(std::move(owned), std::move(vcpus), std::move(memory), std::move(calls));
}

Result<RunningRealm> PopulatedRealm::activate() && {
    if (const int error = calls_->activate(vcpus_.front()))
        return step_failed(vm_->revision(), Step::kActivate, "activating the realm failed", error);
    HostFinding host = vm_->host();
    calls_.reset();
    return RunningRealm(std::move(host), std::move(memory_),
                        {std::move(*vm_).release(), std::move(vcpus_)});
}

}  // namespace rvmm::vmm::cca
