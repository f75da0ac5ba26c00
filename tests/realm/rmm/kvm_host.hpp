// The loops with which Linux KVM builds a realm on an RMM, driving the software RMM. Used by
// host_model_test, and by the fake KVM for what its calls measure to.
// Source: shared facts, the KVM realm ABI sheets, sections 7 (v12 and later) and 7 (v10).
#pragma once

#include <optional>

#include "realm/rmm/new_realm.hpp"

namespace rvmm::realm {

class KvmHost {
  public:
    /// Realm creation; nothing where the RMM refuses. The root tables in `params` are KVM's choice.
    static std::optional<KvmHost> create(const RmmFeatures& features, rmi::RealmParams params);

    /// Each is false where the RMM refuses.
    bool populate(Ipa ipa, bool measured, const PageContent& content);
    bool create_rec(const rmi::RecParams& params);

    enum class Ripas : std::uint8_t { kDone, kOccupied, kRefused };
    /// v12 at the first run: a page at which no entry can be initialised is passed over.
    Ripas init_ripas_of_slot(const IpaRange& slot) { return init_ripas(slot, true); }
    /// v10's call, and v14 on an RMM that passes populated pages itself: such a page ends it.
    Ripas init_ripas_of_call(const IpaRange& range) { return init_ripas(range, false); }

    ActivatedRealm activate() &&;

    const measure::Digest& rim() const { return realm_.rim(); }

  private:
    KvmHost(int start_level, NewRealm realm)
        : start_level_(start_level), realm_(std::move(realm)) {}
    bool create_tables(Ipa ipa, int from, int to);
    int wanted_level(Ipa base, Ipa top) const;
    Ripas init_ripas(const IpaRange& range, bool pass_pages);

    int start_level_;
    NewRealm realm_;
};

}  // namespace rvmm::realm
