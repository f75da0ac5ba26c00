// One REC's attestation token request: RSI_ATTESTATION_TOKEN_INIT and _CONTINUE.
#pragma once

#include <functional>
#include <optional>
#include <span>

#include "realm/rmm/realm_pages.hpp"
#include "rmi/rsi.hpp"

namespace rvmm::realm {

/// Makes the token for a challenge, or nothing.
using SignToken = std::function<std::optional<Bytes>(std::span<const std::byte, 64> challenge)>;

struct TokenRequest {
    std::array<std::byte, 64> challenge{};
    unsigned signing_calls = 0;  // how many more calls find the signature unfinished
    std::optional<Bytes> token;  // once signed
    std::size_t copied = 0;      // bytes of the token that the realm has
};

class TokenSession {
  public:
    /// RSI_ATTESTATION_TOKEN_INIT: starts a request, or starts again. `signing_calls` as in
    /// ActiveRealm.
    void init(const SignToken& source, unsigned signing_calls, rmi::SmcRegisters& registers);

    /// RSI_ATTESTATION_TOKEN_CONTINUE. A wrong call does not disturb a request that is under way.
    void proceed(const SignToken& source, const RealmPages& pages, rmi::SmcRegisters& registers);

  private:
    /// kSuccess once the token is there; else what the realm is to be told.
    rmi::RsiStatus sign(const SignToken& source);
    void copy(const RealmPages& pages, rmi::SmcRegisters& registers);

    std::optional<TokenRequest> request_;
};

}  // namespace rvmm::realm
