// A realm VM's life: NONE, NEW, ACTIVE, DEAD, and the RMM at the other end.
// Source: kvm-realm-abi.md sections 5 to 7, kvm-realm-abi-v10.md sections 4 to 7, cca-host-seen*.
#pragma once

#include <deque>
#include <expected>
#include <memory>
#include <optional>

#include "fake_kvm/host.hpp"
#include "fake_kvm/memory.hpp"
#include "fake_kvm/rmm.hpp"

namespace rvmm::vmm::fake {

class Vm;
struct Vcpu;

class Realm {
  public:
    enum class State : std::uint8_t { kNone, kNew, kActive, kDead };

    explicit Realm(Vm& vm);

    State state() const { return state_; }
    /// Whether it was ever more than a VM: what teardown needs on v12.
    bool was_created() const { return rmm_ != nullptr; }
    bool is_populated() const { return populated_.run_count() > 0; }
    /// The RMM's end of it, from creation on.
    Rmm* rmm() { return rmm_.get(); }
    measure::Digest rim() const { return rmm_ ? rmm_->rim() : measure::Digest(); }

    // v12 and later.
    long populate(std::uint64_t argument);
    /// At the first KVM_RUN of any vCPU.
    long activate();

    // v7 to v11.
    long command(std::uint64_t command, std::uint64_t argument);
    long make_rec(Vcpu& vcpu);

    /// The RMM gives the realm up.
    void kill() { state_ = State::kDead; }

  private:
    std::expected<rmi::RealmParams, int> params() const;
    bool add_sve(rmi::RealmParams& params) const;
    long create();
    long ensure_created();
    bool create_rec(Vcpu& vcpu);
    bool has_rec_features(const Vcpu& vcpu) const;

    long check_populate(const kvm::abi::Populate& request);
    /// Pages done, or -errno.
    long populate_pages(const kvm::abi::Populate& request);
    struct Refusal {
        int error_number;
        std::string_view rule;
    };
    std::optional<Refusal> populate_page(Ipa ipa, std::uint64_t source, bool measured);
    std::uint64_t next_limit();
    long return_progress(std::uint64_t argument, kvm::abi::Populate request, long pages);
    long activate_created();
    long init_ripas_of_slots();

    long configure(std::uint64_t argument);
    long init_ripas(std::uint64_t argument);
    long populate_from_slots(std::uint64_t argument);
    long populate_piece(IpaRange piece, bool measured);
    long activate_by_command();

    Vm& vm_;
    Host& host_;
    State state_ = State::kNone;
    bool failed_ = false;  // by a failed activation
    std::unique_ptr<Rmm> rmm_;
    std::uint8_t hash_ = 0;
    std::array<std::byte, kvm::abi::kRpvSize> rpv_ = {};
    Bytes page_;            // the one that is populated just now
    RangeSet populated_;    // by IPA, measured or not
    RangeSet initialised_;  // by IPA: INIT_RIPAS calls of v10
};

}  // namespace rvmm::vmm::fake
