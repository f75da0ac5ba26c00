#include "measure/token/ec_key.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "measure/cbor.hpp"

namespace rvmm::measure::token {
namespace {

constexpr std::array kCurves = {
    CurveFacts{Curve::kP256, "P-256", "ES256", -7, 1, Hash::kSha256, 32},
    CurveFacts{Curve::kP384, "P-384", "ES384", -35, 2, Hash::kSha384, 48},
    CurveFacts{Curve::kP521, "P-521", "ES512", -36, 3, Hash::kSha512, 66},
};

// COSE_Key (RFC 9053 section 7.1).
constexpr std::int64_t kKeyType = 1;
constexpr std::int64_t kKeyCurve = -1;
constexpr std::int64_t kKeyX = -2;
constexpr std::int64_t kKeyY = -3;
constexpr std::uint64_t kTypeEc2 = 2;

template <auto function>
struct Free {
    template <class T>
    void operator()(T* object) const {
        function(object);
    }
};
using Bignum = std::unique_ptr<BIGNUM, Free<BN_clear_free>>;
using Context = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;
using Input = std::unique_ptr<BIO, Free<BIO_free_all>>;
using Signature = std::unique_ptr<ECDSA_SIG, Free<ECDSA_SIG_free>>;
using SharedKey = std::shared_ptr<EVP_PKEY>;

SharedKey shared(EVP_PKEY* key) {
    return key == nullptr ? nullptr : SharedKey(key, EVP_PKEY_free);
}

const unsigned char* data_of(ByteSpan bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}

unsigned char* room_in(MutableByteSpan bytes) {
    return reinterpret_cast<unsigned char*>(bytes.data());
}

std::unexpected<Error> openssl_failed(std::string_view what) {
    const char* const reason = ERR_reason_error_string(ERR_get_error());
    ERR_clear_error();
    return fail(Stage::kInternal, "cannot {}: {}", what, reason == nullptr ? "OpenSSL" : reason);
}

std::unexpected<Error> no_key(std::string_view why) {
    ERR_clear_error();
    return fail(Stage::kImage, "{}", why);
}

/// The key with this point, and where it is private with this number; nullptr if there is none.
SharedKey key_from(const CurveFacts& curve, ByteSpan point, const BIGNUM* number) {
    // The builder keeps pointers: what they lead to must live until the parameters are made.
    const std::string name(curve.name);
    const std::unique_ptr<OSSL_PARAM_BLD, Free<OSSL_PARAM_BLD_free>> builder(OSSL_PARAM_BLD_new());
    if (!builder ||
        OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, name.c_str(),
                                        0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                         point.size()) != 1 ||
        (number != nullptr &&
         OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, number) != 1))
        return nullptr;
    const std::unique_ptr<OSSL_PARAM, Free<OSSL_PARAM_free>> parameters(
        OSSL_PARAM_BLD_to_param(builder.get()));
    const Context context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
    EVP_PKEY* key = nullptr;
    if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &key,
                          number == nullptr ? EVP_PKEY_PUBLIC_KEY : EVP_PKEY_KEYPAIR,
                          parameters.get()) != 1)
        return nullptr;
    return shared(key);
}

/// Whether OpenSSL finds the point on its curve, and not at infinity.
bool is_on_curve(EVP_PKEY* key) {
    const Context context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
    return context && EVP_PKEY_public_check(context.get()) == 1;
}

std::optional<Bytes> point_of(EVP_PKEY* key) {
    // However the key was written, its point is asked for uncompressed.
    EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "uncompressed");
    std::size_t size = 0;
    if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, nullptr, 0, &size) != 1)
        return std::nullopt;
    Bytes point(size);
    if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, room_in(point), size,
                                        &size) != 1)
        return std::nullopt;
    point.resize(size);
    return point;
}

const CurveFacts* curve_named(EVP_PKEY* key) {
    std::array<char, 64> name = {};
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC ||
        EVP_PKEY_get_group_name(key, name.data(), name.size(), nullptr) != 1)
        return nullptr;
    const int id = OBJ_sn2nid(name.data());
    const auto* const found = std::ranges::find_if(kCurves, [id](const CurveFacts& curve) {
        return EC_curve_nist2nid(std::string(curve.name).c_str()) == id;
    });
    return found == kCurves.end() ? nullptr : found;
}

/// A key file, for OpenSSL to read; it takes no empty ones.
Input input_of(ByteSpan contents) {
    static const char nothing = 0;
    return Input(
        BIO_new_mem_buf(contents.empty() ? &nothing : static_cast<const void*>(contents.data()),
                        static_cast<int>(contents.size())));
}

std::string text_of(BIO* output) {
    char* text = nullptr;
    const long size = BIO_get_mem_data(output, &text);
    return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : std::string();
}

}  // namespace

const CurveFacts& facts_of(Curve curve) {
    return *std::ranges::find(kCurves, curve, &CurveFacts::curve);
}

Result<PublicKey> PublicKey::of(std::shared_ptr<evp_pkey_st> key) {
    const CurveFacts* const curve = curve_named(key.get());
    if (curve == nullptr) return no_key("it is no key of P-256, P-384 or P-521");
    auto point = point_of(key.get());
    if (!point || point->size() != 1 + 2 * curve->size || !is_on_curve(key.get()))
        return no_key(fmt::format("it is no point of {}", curve->name));
    return PublicKey(curve->curve, *std::move(point), std::move(key));
}

Result<PublicKey> PublicKey::from_point(ByteSpan point) {
    const auto* const curve = std::ranges::find(
        kCurves, point.size(), [](const CurveFacts& known) { return 1 + 2 * known.size; });
    if (curve == kCurves.end() || point[0] != std::byte{4})
        return no_key("it is no uncompressed point of P-256, P-384 or P-521");
    SharedKey key = key_from(*curve, point, nullptr);
    if (!key) return no_key(fmt::format("it is no point of {}", curve->name));
    return of(std::move(key));
}

Result<PublicKey> PublicKey::from_cose(ByteSpan encoded) {
    RVMM_TRY(const cbor::Value key, cbor::decode(encoded));
    const auto* const map = key.as_map();
    const auto* const type = key.find(kKeyType);
    const auto* const id = key.find(kKeyCurve);
    const auto* const x = key.find(kKeyX);
    const auto* const y = key.find(kKeyY);
    if (map == nullptr || map->size() != 4 || type == nullptr || type->as_number() != kTypeEc2 ||
        id == nullptr || x == nullptr || y == nullptr || x->as_bytes() == nullptr ||
        y->as_bytes() == nullptr)
        return no_key("it is no COSE_Key of exactly kty EC2, crv, x and y");
    const auto* const curve = std::ranges::find_if(
        kCurves, [id](const CurveFacts& known) { return id->as_number() == known.curve_id; });
    if (curve == kCurves.end())
        return no_key("its curve is none of P-256 (1), P-384 (2), P-521 (3)");
    if (x->as_bytes()->size() != curve->size || y->as_bytes()->size() != curve->size)
        return no_key(fmt::format("x and y of {} are {} bytes", curve->name, curve->size));
    Bytes point = {std::byte{4}};
    point.insert(point.end(), x->as_bytes()->begin(), x->as_bytes()->end());
    point.insert(point.end(), y->as_bytes()->begin(), y->as_bytes()->end());
    return from_point(point);
}

Result<PublicKey> PublicKey::from_file(ByteSpan contents) {
    const Input input = input_of(contents);
    if (!input) return openssl_failed("read a key");
    SharedKey key = shared(PEM_read_bio_PUBKEY(input.get(), nullptr, nullptr, nullptr));
    const unsigned char* der = data_of(contents);
    if (!key) key = shared(d2i_PUBKEY(nullptr, &der, static_cast<long>(contents.size())));
    if (!key) return no_key("it is no public key as PEM or DER (SubjectPublicKeyInfo)");
    return of(std::move(key));
}

Bytes PublicKey::to_cose() const {
    const CurveFacts& facts = facts_of(curve_);
    const ByteSpan point = point_;
    return cbor::encode(cbor::Value::map(
        {{cbor::Value::integer(kKeyType), cbor::Value::number(kTypeEc2)},
         {cbor::Value::integer(kKeyCurve), cbor::Value::number(facts.curve_id)},
         {cbor::Value::integer(kKeyX), cbor::Value::bytes(point.subspan(1, facts.size))},
         {cbor::Value::integer(kKeyY), cbor::Value::bytes(point.subspan(1 + facts.size))}}));
}

std::string PublicKey::to_pem() const {
    const Input output(BIO_new(BIO_s_mem()));
    if (!output || PEM_write_bio_PUBKEY(output.get(), key_.get()) != 1) return {};
    return text_of(output.get());
}

bool PublicKey::verify(ByteSpan message, ByteSpan signature) const {
    const CurveFacts& facts = facts_of(curve_);
    if (signature.size() != 2 * facts.size) return false;
    const Signature pair(ECDSA_SIG_new());
    const auto size = static_cast<int>(facts.size);
    Bignum r(BN_bin2bn(data_of(signature), size, nullptr));
    Bignum s(BN_bin2bn(data_of(signature.subspan(facts.size)), size, nullptr));
    if (!pair || !r || !s || ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1) return false;
    r.release();  // NOLINT(bugprone-unused-return-value): the signature has them now
    s.release();  // NOLINT(bugprone-unused-return-value)
    unsigned char* der = nullptr;
    const int length = i2d_ECDSA_SIG(pair.get(), &der);
    const std::unique_ptr<unsigned char, Free<[](void* memory) { OPENSSL_free(memory); }>> owner(
        der);
    const DigestContext context(EVP_MD_CTX_new());
    const bool good =
        length > 0 && context &&
        EVP_DigestVerifyInit_ex(context.get(), nullptr, std::string(to_string(facts.hash)).c_str(),
                                nullptr, nullptr, key_.get(), nullptr) == 1 &&
        EVP_DigestVerify(context.get(), der, static_cast<std::size_t>(length), data_of(message),
                         message.size()) == 1;
    ERR_clear_error();
    return good;
}

Result<PrivateKey> PrivateKey::generate(Curve curve) {
    const std::string name(facts_of(curve).name);
    SharedKey key = shared(EVP_EC_gen(name.c_str()));
    if (!key) return openssl_failed("make a key");
    RVMM_TRY(auto known, PublicKey::of(std::move(key)));
    return PrivateKey(std::move(known));
}

Result<PrivateKey> PrivateKey::from_pem(ByteSpan contents) {
    const Input input = input_of(contents);
    if (!input) return openssl_failed("read a key");
    // Nobody is asked for a password.
    const auto no_password = [](char*, int, int, void*) { return -1; };
    SharedKey key = shared(PEM_read_bio_PrivateKey(input.get(), nullptr, no_password, nullptr));
    if (!key) return no_key("it is no private key as PEM without a password");
    RVMM_TRY(auto known, PublicKey::of(std::move(key)));
    return PrivateKey(std::move(known));
}

Result<PrivateKey> PrivateKey::from_number(Curve curve, ByteSpan number) {
    const CurveFacts& facts = facts_of(curve);
    const std::string name(facts.name);
    const Bignum value(BN_bin2bn(data_of(number), static_cast<int>(number.size()), nullptr));
    const std::unique_ptr<EC_GROUP, Free<EC_GROUP_free>> group(
        EC_GROUP_new_by_curve_name(EC_curve_nist2nid(name.c_str())));
    if (!value || !group || number.size() != facts.size || BN_is_zero(value.get()) ||
        BN_cmp(value.get(), EC_GROUP_get0_order(group.get())) >= 0)
        return no_key(fmt::format("it is no private key's number on {}", name));
    const std::unique_ptr<EC_POINT, Free<EC_POINT_free>> place(EC_POINT_new(group.get()));
    Bytes point(1 + 2 * facts.size);
    if (!place ||
        EC_POINT_mul(group.get(), place.get(), value.get(), nullptr, nullptr, nullptr) != 1 ||
        EC_POINT_point2oct(group.get(), place.get(), POINT_CONVERSION_UNCOMPRESSED, room_in(point),
                           point.size(), nullptr) != point.size())
        return openssl_failed("make a key");
    SharedKey key = key_from(facts, point, value.get());
    if (!key) return openssl_failed("make a key");
    RVMM_TRY(auto known, PublicKey::of(std::move(key)));
    return PrivateKey(std::move(known));
}

std::string PrivateKey::to_pem() const {
    const Input output(BIO_new(BIO_s_mem()));
    if (!output || PEM_write_bio_PrivateKey(output.get(), public_key_.key_.get(), nullptr, nullptr,
                                            0, nullptr, nullptr) != 1)
        return {};
    return text_of(output.get());
}

Result<Bytes> PrivateKey::sign(ByteSpan message) const {
    const CurveFacts& facts = facts_of(public_key_.curve());
    const DigestContext context(EVP_MD_CTX_new());
    std::array<unsigned char, 256> der = {};
    std::size_t length = der.size();
    if (!context ||
        EVP_DigestSignInit_ex(context.get(), nullptr, std::string(to_string(facts.hash)).c_str(),
                              nullptr, nullptr, public_key_.key_.get(), nullptr) != 1 ||
        EVP_DigestSign(context.get(), der.data(), &length, data_of(message), message.size()) != 1)
        return openssl_failed("sign");
    const unsigned char* at = der.data();
    const Signature pair(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(length)));
    Bytes signature(2 * facts.size);
    const auto size = static_cast<int>(facts.size);
    const MutableByteSpan out = signature;
    if (!pair || BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), room_in(out), size) != size ||
        BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), room_in(out.subspan(facts.size)), size) != size)
        return openssl_failed("sign");
    return signature;
}

}  // namespace rvmm::measure::token
