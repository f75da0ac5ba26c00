// The revisions of the RMM interface that a declaration can hold in. RMI 2.0 was published as
// drafts
// ("betas") whose layouts differ. RSI 1.0 comes with RMI 1.0, RSI 1.1 with every 2.0.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace rvmm::rmi {

enum class Beta : std::uint8_t { k10, k20Bet0, k20Bet1, k20Bet2, k20Bet3, kTfRmmMain };

struct BetaInfo {
    Beta beta;
    std::string_view name;
    std::string_view known_from;
};
inline constexpr std::array kBetas = {
    BetaInfo{Beta::k10, "1.0", "DEN0137 1.0-rel0, TF-RMM, KVM series v12"},
    BetaInfo{Beta::k20Bet0, "2.0-bet0", "KVM series v13, read in part"},
    BetaInfo{Beta::k20Bet1, "2.0-bet1", "KVM series v14"},
    BetaInfo{Beta::k20Bet2, "2.0-bet2", "KVM series v15, second hand"},
    BetaInfo{Beta::k20Bet3, "2.0-bet3", "Linux' header for it"},
    BetaInfo{Beta::kTfRmmMain, "TF-RMM main", "its source of July 2026"},
};

/// Some of the revisions.
class BetaSet {
  public:
    constexpr BetaSet(std::initializer_list<Beta> betas) {
        for (const Beta beta : betas) bits_ |= bit(beta);
    }
    constexpr bool contains(Beta beta) const { return (bits_ & bit(beta)) != 0; }
    constexpr bool overlaps(BetaSet other) const { return (bits_ & other.bits_) != 0; }
    constexpr bool operator==(const BetaSet&) const = default;

  private:
    static constexpr unsigned bit(Beta beta) { return 1U << static_cast<unsigned>(beta); }

    unsigned bits_ = 0;
};

inline constexpr BetaSet kOnly10 = {Beta::k10};
inline constexpr BetaSet kAny20 = {Beta::k20Bet0, Beta::k20Bet1, Beta::k20Bet2, Beta::k20Bet3,
                                   Beta::kTfRmmMain};
inline constexpr BetaSet kEveryBeta = {Beta::k10,     Beta::k20Bet0, Beta::k20Bet1,
                                       Beta::k20Bet2, Beta::k20Bet3, Beta::kTfRmmMain};

}  // namespace rvmm::rmi
