// The attestation token that `rvmm run --token` is to bring: rvmm has the challenge, the guest asks
// its RMM, and hands over what that says. rvmm looks at none of it.
#pragma once

#include <array>
#include <cstddef>
#include <mutex>
#include <optional>

#include "base/bytes.hpp"
#include "measure/token/claims.hpp"

namespace rvmm::vmm {

using TokenChallenge = std::array<std::byte, measure::token::kChallengeSize>;

/// Any thread.
class TokenExchange {
  public:
    /// No RMM's token is larger; more is not taken. Bytes.
    static constexpr std::size_t kMaxSize = 64 << 10;

    explicit TokenExchange(const TokenChallenge& challenge) : challenge_(challenge) {}

    const TokenChallenge& challenge() const { return challenge_; }
    /// False if it is empty or too large. A later one replaces an earlier one.
    bool give(ByteSpan token);
    std::optional<Bytes> token() const;

  private:
    const TokenChallenge challenge_;
    mutable std::mutex mutex_;
    std::optional<Bytes> token_;
};

}  // namespace rvmm::vmm
