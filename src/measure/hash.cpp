#include "measure/hash.hpp"

#include <memory>

#include <openssl/evp.h>

namespace rvmm::measure {
namespace {

const EVP_MD* algorithm(Hash hash) {
    switch (hash) {
        case Hash::kSha256:
            return EVP_sha256();
        case Hash::kSha384:
            return EVP_sha384();
        case Hash::kSha512:
            return EVP_sha512();
    }
    return nullptr;
}

struct FreeContext {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
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

std::size_t digest_size(Hash hash) {
    switch (hash) {
        case Hash::kSha256:
            return 32;
        case Hash::kSha384:
            return 48;
        case Hash::kSha512:
            return 64;
    }
    return 0;
}

Result<Bytes> digest(Hash hash, std::initializer_list<ByteSpan> parts) {
    const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
    bool ok = context && EVP_DigestInit_ex(context.get(), algorithm(hash), nullptr) == 1;
    for (const ByteSpan part : parts)
        ok = ok && EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
    Bytes result(digest_size(hash));
    ok = ok && EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(result.data()),
                                  nullptr) == 1;
    if (!ok) return fail(Stage::kInternal, "OpenSSL cannot compute {}", to_string(hash));
    return result;
}

}  // namespace rvmm::measure
