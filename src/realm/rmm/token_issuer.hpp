// Issues the tokens of an emulated realm, as the hardware and firmware of a CCA machine would: with
// a platform that says that it is emulated, and unless the config names another key, one that
// everybody has.
#pragma once

#include "base/error.hpp"
#include "measure/token/token.hpp"
#include "realm/spec/realm_spec.hpp"

namespace rvmm::realm {

/// The key that signs for the platform. Errors (Stage::kImage): what the config names is none.
Result<measure::token::PrivateKey> platform_key(const AttestationSpec& spec);

/// Of one launch: its realm has one key (RAK) and one instance id. Any thread.
class TokenIssuer {
  public:
    /// Errors: (Stage::kImage) a key is none; (Stage::kInternal) OpenSSL makes none.
    static Result<TokenIssuer> create(const AttestationSpec& spec);

    /// `claims` has the challenge, RPV, hash, RIM and REMs. Fails (Stage::kInternal) only if
    /// OpenSSL does.
    Result<Bytes> issue(measure::token::RealmClaims claims) const;

  private:
    TokenIssuer(const AttestationSpec& spec, measure::token::PrivateKey platform_key,
                measure::token::PrivateKey realm_key);

    AttestationSpec spec_;
    measure::token::PrivateKey platform_key_;
    measure::token::PrivateKey realm_key_;
    std::optional<std::string> profile_;
    std::optional<Bytes> instance_id_;
};

}  // namespace rvmm::realm
