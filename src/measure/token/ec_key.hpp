// Keys for ECDSA as COSE has it (RFC 9053 section 2.1), through OpenSSL. Signatures are r and s,
// one after the other, each as long as the curve's numbers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "measure/hash.hpp"

struct evp_pkey_st;

namespace rvmm::measure::token {

/// Each goes with one algorithm: ES256, ES384, ES512.
enum class Curve : std::uint8_t { kP256, kP384, kP521 };

struct CurveFacts {
    Curve curve;
    std::string_view name;       // "P-384"
    std::string_view algorithm;  // "ES384"
    std::int64_t algorithm_id;   // IANA "COSE Algorithms"
    std::uint64_t curve_id;      // IANA "COSE Elliptic Curves"
    Hash hash;
    std::size_t size;  // bytes of a coordinate, and of r and s
};
const CurveFacts& facts_of(Curve curve);

/// A point on its curve. A plain value; copies share it.
class PublicKey {
  public:
    /// 0x04, X, Y; the curve is told by the size. Errors (Stage::kImage): another form or size, or
    /// a point that is not on the curve.
    static Result<PublicKey> from_point(ByteSpan point);
    /// An encoded COSE_Key {1: 2, -1: curve, -2: x, -3: y}, and nothing else in it.
    static Result<PublicKey> from_cose(ByteSpan key);
    /// SubjectPublicKeyInfo as PEM or DER.
    static Result<PublicKey> from_file(ByteSpan contents);

    Curve curve() const { return curve_; }
    /// 0x04, X, Y.
    const Bytes& point() const { return point_; }
    Bytes to_cose() const;
    std::string to_pem() const;
    /// Whether `signature` is this key's of `message`.
    bool verify(ByteSpan message, ByteSpan signature) const;

    friend bool operator==(const PublicKey& a, const PublicKey& b) { return a.point_ == b.point_; }

  private:
    friend class PrivateKey;
    PublicKey(Curve curve, Bytes point, std::shared_ptr<evp_pkey_st> key)
        : curve_(curve), point_(std::move(point)), key_(std::move(key)) {}
    static Result<PublicKey> of(std::shared_ptr<evp_pkey_st> key);

    Curve curve_;
    Bytes point_;
    std::shared_ptr<evp_pkey_st> key_;
};

class PrivateKey {
  public:
    /// A new one. Fails (Stage::kInternal) only if OpenSSL does.
    static Result<PrivateKey> generate(Curve curve);
    /// PKCS #8 or SEC 1, not encrypted, as PEM. Errors (Stage::kImage) say why it is none.
    static Result<PrivateKey> from_pem(ByteSpan contents);
    /// From its number, as long as the curve's numbers.
    static Result<PrivateKey> from_number(Curve curve, ByteSpan number);

    const PublicKey& public_key() const { return public_key_; }
    /// PKCS #8.
    std::string to_pem() const;
    /// Fails (Stage::kInternal) only if OpenSSL does.
    Result<Bytes> sign(ByteSpan message) const;

  private:
    explicit PrivateKey(PublicKey key) : public_key_(std::move(key)) {}

    PublicKey public_key_;  // its key_ has the number too
};

}  // namespace rvmm::measure::token
