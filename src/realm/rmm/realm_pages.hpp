// The realm's address space as RSI calls see it: which addresses are acceptable, what RIPAS they
// have, and access to what lies there.
#pragma once

#include "realm/rmm/ripas_map.hpp"
#include "realm/rmm/rtt_shape.hpp"
#include "realm/rmm/software_rmm.hpp"

namespace rvmm::realm {

class RealmPages {
  public:
    /// Uses `memory`, which outlives it. `realm` is a valid one.
    RealmPages(const ActiveRealm& realm, RealmMemory& memory)
        : protected_end_{1ULL << (realm.ipa_bits - 1)},
          ripas_(realm.ram),
          shape_(realm.ipa_bits, realm.ram),
          memory_(&memory) {}

    /// Whether `address` is a granule's, in the protected half.
    bool is_granule(std::uint64_t address) const;
    /// Whether `address` is in the protected half.
    bool is_protected(std::uint64_t address) const { return address < protected_end_.value; }
    /// [base, top), if both are granule addresses, base < top and it lies in the protected half.
    std::optional<IpaRange> range(std::uint64_t base, std::uint64_t top) const;

    /// Access inside one page. False (and nothing is done) if the page is not RIPAS RAM.
    bool read(Ipa ipa, MutableByteSpan out) const;
    bool write(Ipa ipa, ByteSpan bytes) const;
    bool is_ram(Ipa ipa) const { return ripas_.at(ipa) == Ripas::kRam; }

    /// RSI_IPA_STATE_GET.
    void get_state(rmi::SmcRegisters& registers) const;
    /// RSI_IPA_STATE_SET up to the host: an IpaStateChange, or Handled if the call is wrong.
    SmcOutcome set_state(rmi::SmcRegisters& registers) const;
    /// RSI_IPA_STATE_SET after the host.
    void complete(const IpaStateChange& change, rmi::SmcRegisters& registers);

    const RipasMap& ripas() const { return ripas_; }

  private:
    Ipa protected_end_;
    RipasMap ripas_;
    RttShape shape_;
    RealmMemory* memory_;
};

}  // namespace rvmm::realm
