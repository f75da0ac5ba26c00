// The construction side of the software RMM: a realm between RMI_REALM_CREATE and
// RMI_REALM_ACTIVATE, and what a host can still do to it afterwards. Every member function is an
// RMI command, and answers as TF-RMM does; a command that is refused changes nothing, least of all
// the RIM. A plain class: no threads, no memory of the realm's.
//
// Source: DEN0137 section B4; TF-RMM v0.6.0 (RMI 1.0) and main of July 2026 (RMI 2.0). What depends
// on physical memory (granule states, auxiliary granules, VMIDs) always goes well here.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "measure/rim.hpp"
#include "realm/rmm/acceptance.hpp"
#include "realm/rmm/rtt.hpp"
#include "realm/rmm/software_rmm.hpp"

namespace rvmm::realm {

struct Rec {
    std::uint64_t mpidr;
    bool runnable;
};

/// What a host shows the RMM of a page that is measured: its bytes, or the digest of them where
/// only that is known.
using PageContent = std::variant<ByteSpan, measure::Digest>;

/// A realm that runs. The host can still make tables and map pages without content.
class ActivatedRealm {
  public:
    RmiAnswer rtt_create(Ipa ipa, std::int64_t level) { return rtt_.create_table(ipa, level); }
    /// RMI_DATA_CREATE_UNKNOWN (1.0), RMI_RTT_DATA_MAP of one page (2.0).
    RmiAnswer data_create_unknown(Ipa ipa) { return rtt_.assign(ipa, false); }

    // These come too late, and are told so unless the command is wrong in itself.
    RmiAnswer rtt_init_ripas(Ipa base, Ipa top) const;
    static RmiAnswer data_create(Ipa ipa, std::uint64_t flags, const PageContent& content);
    static RmiAnswer rec_create(const rmi::RecParams& params);
    static RmiAnswer realm_activate() { return kRealmStateError; }

    /// RMI_REC_ENTER as far as its checks.
    RmiAnswer rec_enter(std::size_t rec) const;

    /// The realm as it was when it was activated: what SoftwareRmm answers RSI calls from.
    const ActiveRealm& active() const { return active_; }

  private:
    friend class NewRealm;
    ActivatedRealm(Rtt rtt, std::vector<Rec> recs, ActiveRealm active)
        : rtt_(std::move(rtt)), recs_(std::move(recs)), active_(std::move(active)) {}

    Rtt rtt_;
    std::vector<Rec> recs_;
    ActiveRealm active_;
};

/// A realm in state NEW. A Result fails (Stage::kInternal) only if OpenSSL does, or if a digest is
/// not one of the realm's hash.
class NewRealm {
  public:
    /// RMI_REALM_CREATE. Nothing where the RMM answers RMI_ERROR_INPUT.
    static Result<std::optional<NewRealm>> create(const RmmFeatures& features,
                                                  const RealmRequest& request);

    RmiAnswer rtt_create(Ipa ipa, std::int64_t level) { return rtt_.create_table(ipa, level); }

    /// RMI_RTT_INIT_RIPAS. On success `value` is the first address that was not initialised.
    Result<RmiAnswer> rtt_init_ripas(Ipa base, Ipa top);

    /// RMI_DATA_CREATE (1.0), RMI_RTT_DATA_MAP_INIT (2.0). `flags` is 1 for a measured page, 0 for
    /// one whose `content` does not matter. A page's bytes are 4 KiB.
    Result<RmiAnswer> data_create(Ipa ipa, std::uint64_t flags, const PageContent& content);

    /// RMI_DATA_CREATE_UNKNOWN (1.0), RMI_RTT_DATA_MAP of one page (2.0): never measured.
    RmiAnswer data_create_unknown(Ipa ipa) { return rtt_.assign(ipa, false); }

    /// RMI_REC_CREATE. RECs come in the order of their indices, which their MPIDRs encode.
    Result<RmiAnswer> rec_create(const rmi::RecParams& params);

    /// RMI_REC_ENTER, which a realm that is not active refuses.
    RmiAnswer rec_enter(std::size_t rec) const;

    /// RMI_REALM_ACTIVATE. REMs will be extended by `rem_rule`.
    ActivatedRealm realm_activate(measure::RemRule rem_rule) &&;

    const measure::Digest& rim() const { return rim_.rim(); }
    measure::Hash hash() const { return rim_.hash(); }

  private:
    NewRealm(const RmmFeatures& features, const RealmRequest& request);

    RmmFeatures features_;
    rmi::RealmParams params_;
    Rtt rtt_;
    measure::RimExtender rim_;
    std::vector<Rec> recs_;
};

}  // namespace rvmm::realm
