#include "vmm/cca/realm_calls.hpp"

#include <algorithm>
#include <cerrno>

#include "vmm/kvm/realm_abi.hpp"

namespace rvmm::vmm::cca {
namespace {

namespace abi = kvm::abi;

int error_of(long rc) {
    return static_cast<int>(rc < 0 ? -rc : 0);
}

std::uint32_t populate_flags(bool measured) {
    return measured ? abi::kPopulateMeasure : 0;
}

/// v12 and later: the VMM populates, the kernel does everything else.
class PopulateCalls final : public RealmCalls {
  public:
    explicit PopulateCalls(RealmVm& vm) : vm_(vm) {}

    Result<> create(const realm::RealmParameters&) override { return {}; }

    std::expected<std::uint64_t, int> populate(Ipa ipa, ByteSpan bytes, bool measured) override {
        abi::Populate record = {.base = ipa.value,
                                .size = bytes.size(),
                                .source = reinterpret_cast<std::uintptr_t>(bytes.data()),
                                .flags = populate_flags(measured),
                                .reserved = 0};
        // Even a call that fails may have made the realm's descriptor.
        vm_.set_descriptor_made();
        if (vm_.revision().populate == PopulateCall::kBytes) {
            const long rc = vm_.vm().call(abi::kPopulateV12, &record);
            if (rc < 0) return std::unexpected(error_of(rc));
            return checked(static_cast<std::uint64_t>(rc), bytes);
        }
        const long rc = vm_.vm().call(abi::kPopulateV13, &record);
        if (rc < 0) return std::unexpected(error_of(rc));
        return checked(bytes.size() - record.size, bytes);
    }

    std::uint64_t populates_at_once() const override {
        return vm_.revision().populate == PopulateCall::kBytes ? abi::kPopulateMostV12 : UINT64_MAX;
    }

    // The kernel's own steps.
    int init_ripas(IpaRange) override { return EOPNOTSUPP; }
    int create_rec(kvm::Vcpu&) override { return EOPNOTSUPP; }
    int activate(kvm::Vcpu& first) override {
        vm_.set_descriptor_made();
        return first.prepare_to_run();
    }

  private:
    std::expected<std::uint64_t, int> checked(std::uint64_t done, ByteSpan bytes) const {
        if (done > bytes.size() || !is_aligned(done, vm_.host().page_size))
            return std::unexpected(EPROTO);
        return done;
    }

    RealmVm& vm_;
};

/// v8 to v11: every step is a command.
class CommandCalls final : public RealmCalls {
  public:
    CommandCalls(RealmVm& vm, GuestMemory& memory) : vm_(vm), memory_(memory) {}

    Result<> create(const realm::RealmParameters& parameters) override {
        const std::uint32_t hash = static_cast<std::uint32_t>(parameters.hash);
        abi::RealmConfigV10 config = {.what = abi::kConfigHash, .payload = {}};
        store_le(payload(config), hash);
        if (const int error = command(abi::RealmCommand::kConfig, &config))
            return std::unexpected(
                Error::from_errno(
                    Stage::kHostCannot,
                    fmt::format("the host refuses realm.hash {}", to_string(parameters.hash)),
                    error)
                    .with_advice(error == EINVAL
                                     ? "its RMM does not have that hash: set realm.hash "
                                       "to another, which changes the measurement"
                                     : kReportAdvice));
        config = {.what = abi::kConfigRpv, .payload = {}};
        std::ranges::copy(parameters.personalization, payload(config).begin());
        if (const int error = command(abi::RealmCommand::kConfig, &config))
            return fail_errno(Stage::kLaunch, error, "cannot set realm.personalization");
        if (const int error = command(abi::RealmCommand::kCreate, nullptr))
            return std::unexpected(
                Error::from_errno(Stage::kLaunch, "cannot create the realm", error)
                    .with_advice(error == ENXIO
                                     ? "the RMM refused its parameters: with ipa_bits above 43 it "
                                       "may need more physical address bits than this CPU has"
                                     : kReportAdvice));
        vm_.set_descriptor_made();
        return {};
    }

    std::expected<std::uint64_t, int> populate(Ipa ipa, ByteSpan bytes, bool measured) override {
        // The source of a page is the slot's own user page: it is written there, and taken away
        // afterwards, for everybody on the host could read it.
        if (auto staged = memory_.stage(ipa, bytes); !staged)
            return std::unexpected(
                staged.error().error_number() == 0 ? EFAULT : staged.error().error_number());
        abi::PopulateV10 record = {.base = ipa.value,
                                   .size = bytes.size(),
                                   .flags = populate_flags(measured),
                                   .reserved = {}};
        const int error = command(abi::RealmCommand::kPopulate, &record);
        const int dropped = memory_.drop_staged(ipa, bytes.size());
        if (error != 0) return std::unexpected(error);
        if (dropped != 0) return std::unexpected(dropped);
        return bytes.size();
    }

    /// One call holds the VM's lock, and cannot be interrupted.
    std::uint64_t populates_at_once() const override { return std::uint64_t{64} << 20; }

    int init_ripas(IpaRange range) override {
        abi::InitRipasV10 record = {
            .base = range.base().value, .size = range.size(), .reserved = {}};
        return command(abi::RealmCommand::kInitRipas, &record);
    }
    int create_rec(kvm::Vcpu& vcpu) override {
        return error_of(vcpu.finalize(*vm_.host().rec_feature));
    }
    int activate(kvm::Vcpu&) override { return command(abi::RealmCommand::kActivate, nullptr); }

  private:
    static constexpr char kReportAdvice[] = "docs/cca-hosts.md says what belongs into a report";

    static MutableByteSpan payload(abi::RealmConfigV10& config) {
        return std::as_writable_bytes(std::span(config.payload));
    }

    int command(abi::RealmCommand which, void* record) {
        abi::EnableCap request = {};
        request.cap = vm_.host().command_capability;
        request.args[0] = static_cast<std::uint64_t>(which);
        request.args[1] = reinterpret_cast<std::uintptr_t>(record);
        return error_of(vm_.vm().call(abi::kEnableCap, &request));
    }

    RealmVm& vm_;
    GuestMemory& memory_;
};

}  // namespace

std::unique_ptr<RealmCalls> RealmCalls::of(RealmVm& vm, GuestMemory& memory) {
    if (vm.revision().populate == PopulateCall::kCommand)
        return std::make_unique<CommandCalls>(vm, memory);
    return std::make_unique<PopulateCalls>(vm);
}

}  // namespace rvmm::vmm::cca
