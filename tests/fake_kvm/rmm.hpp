// The RMM of a fake host: the software RMM, driven as KVM drives one. For granules of more than
// 4 KiB, which the software RMM does not have, what such an RMM measures and nothing else.
#pragma once

#include <memory>
#include <optional>
#include <variant>

#include "fake_kvm/host.hpp"
#include "realm/rmm/kvm_host.hpp"
#include "vmm/memory/range_set.hpp"

namespace rvmm::vmm::fake {

class Rmm {
  public:
    /// RMI_REALM_CREATE; nothing where the RMM refuses.
    static std::unique_ptr<Rmm> create(const Host& host, const rmi::RealmParams& params);

    // Each is false where the RMM refuses.
    /// `page` is one granule; empty where its content does not count.
    bool populate(Ipa ipa, bool measured, ByteSpan page);
    bool create_rec(const rmi::RecParams& params);
    /// KVM's loop at the first run, or (`by_call`) that of v10's call.
    realm::KvmHost::Ripas init_ripas(const IpaRange& range, bool by_call);
    void activate();

    measure::Digest rim() const;
    /// Once activated, with granules of 4 KiB: what a SoftwareRmm answers the realm's calls from.
    const realm::ActiveRealm* active() const;

    /// RIPAS RAM, by IPA. From activation on.
    RangeSet ram;

  private:
    using State = std::variant<realm::KvmHost, realm::ActivatedRealm, measure::RimExtender>;
    Rmm(const Host& host, State state) : host_(host), state_(std::move(state)) {}
    realm::PageContent content(ByteSpan page) const;

    const Host& host_;
    State state_;
    measure::Hash hash_ = measure::Hash::kSha256;
    RangeSet coarse_pages_;
};

}  // namespace rvmm::vmm::fake
