// Issues the tokens of an emulated realm, as the hardware and firmware of a CCA machine would: with
// a platform that says that it is emulated, and unless the config names another key, one that
// everybody has.
#pragma once

#include <utility>

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
    TokenIssuer(measure::token::Form form, measure::token::PlatformClaims platform,
                measure::token::PrivateKey platform_key, measure::token::RealmClaims realm,
                measure::token::PrivateKey realm_key)
        : form_(form),
          platform_(std::move(platform)),
          platform_key_(std::move(platform_key)),
          realm_(std::move(realm)),
          realm_key_(std::move(realm_key)) {}

    measure::token::Form form_;
    measure::token::PlatformClaims platform_;
    measure::token::PrivateKey platform_key_;
    measure::token::RealmClaims realm_;  // what the launch decides: profile, key, instance
    measure::token::PrivateKey realm_key_;
};

}  // namespace rvmm::realm
