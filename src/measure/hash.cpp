#include "measure/hash.hpp"

#include <algorithm>

#include <openssl/evp.h>

namespace rvmm::measure {
namespace {

constexpr std::array kHashes = {Hash::kSha256, Hash::kSha384, Hash::kSha512};

const char* openssl_name(Hash hash) {
    switch (hash) {
        case Hash::kSha256:
            return "SHA256";
        case Hash::kSha384:
            return "SHA384";
        case Hash::kSha512:
            return "SHA512";
    }
    return "";
}

struct FreeContext {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
struct FreeAlgorithm {
    void operator()(EVP_MD* algorithm) const { EVP_MD_free(algorithm); }
};

}  // namespace

std::string_view to_string(Hash hash) {
    switch (hash) {
        case Hash::kSha256:
            return "sha256";
        case Hash::kSha384:
            return "sha384";
        case Hash::kSha512:
            return "sha512";
    }
    return "unknown";
}

std::optional<Hash> parse_hash(std::string_view name) {
    for (const Hash hash : kHashes)
        if (to_string(hash) == name) return hash;
    return std::nullopt;
}

std::optional<Digest> Digest::from(ByteSpan bytes) {
    if (bytes.empty()) return Digest();
    for (const Hash hash : kHashes) {
        if (digest_size(hash) != bytes.size()) continue;
        Digest digest(hash);
        std::ranges::copy(bytes, digest.value_.begin());
        return digest;
    }
    return std::nullopt;
}

std::optional<Digest> Digest::from_hex(std::string_view text) {
    const auto bytes = rvmm::from_hex(text);
    return bytes ? from(*bytes) : std::nullopt;
}

// The algorithm is fetched once: OpenSSL 3 looks it up anew for each digest otherwise.
struct Hasher::State {
    explicit State(Hash hash)
        : algorithm(EVP_MD_fetch(nullptr, openssl_name(hash), nullptr)),
          context(EVP_MD_CTX_new()) {}

    std::unique_ptr<EVP_MD, FreeAlgorithm> algorithm;
    std::unique_ptr<EVP_MD_CTX, FreeContext> context;
};

Hasher::Hasher(Hash hash) : hash_(hash), state_(std::make_unique<State>(hash)) {}
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;
Hasher::~Hasher() = default;

Result<> Hasher::check(int done) const {
    if (done == 1) return {};
    return fail(Stage::kInternal, "OpenSSL cannot compute {}", to_string(hash_));
}

Result<> Hasher::start() {
    if (!state_->context || !state_->algorithm) return check(0);
    return check(EVP_DigestInit_ex2(state_->context.get(), state_->algorithm.get(), nullptr));
}

Result<> Hasher::update(ByteSpan part) {
    return check(EVP_DigestUpdate(state_->context.get(), part.data(), part.size()));
}

Result<Digest> Hasher::finish() {
    Digest result(hash_);
    auto* const out = reinterpret_cast<unsigned char*>(result.mutable_bytes().data());
    RVMM_CHECK(check(EVP_DigestFinal_ex(state_->context.get(), out, nullptr)));
    return result;
}

Result<Digest> Hasher::digest(std::initializer_list<ByteSpan> parts) {
    RVMM_CHECK(start());
    for (const ByteSpan part : parts) RVMM_CHECK(update(part));
    return finish();
}

Result<Digest> digest(Hash hash, std::initializer_list<ByteSpan> parts) {
    return Hasher(hash).digest(parts);
}

}  // namespace rvmm::measure
