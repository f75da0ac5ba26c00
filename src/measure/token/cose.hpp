// COSE_Sign1 (RFC 9052 section 4.2) as CCA tokens have it: tag 18, the algorithm alone in the
// protected header, nothing in the unprotected one, no external data.
#pragma once

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "measure/token/ec_key.hpp"

namespace rvmm::measure::token {

struct Sign1 {
    Curve curve = Curve::kP384;  // by the algorithm
    Bytes header;                // the protected one, as it was encoded
    Bytes payload;
    Bytes signature;  // r and s
};

/// Errors (Stage::kImage) are one clause: another tag or shape, a header that is critical or not
/// known, an algorithm other than ES256, ES384 and ES512, a signature of another size.
Result<Sign1> decode_sign1(ByteSpan bytes);

/// A new one of `payload`. Fails (Stage::kInternal) only if OpenSSL does.
Result<Bytes> sign1(const PrivateKey& key, ByteSpan payload);

/// Whether `key` made it.
bool verify(const Sign1& message, const PublicKey& key);

}  // namespace rvmm::measure::token
