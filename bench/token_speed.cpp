// For bench/token: medians of issuing, reading and verifying a token of P-384 keys, and of the bare
// signatures in it.
#include <algorithm>
#include <chrono>
#include <vector>

#include <fmt/format.h>

#include "measure/token/verify.hpp"
#include "realm/rmm/token_issuer.hpp"

namespace {

using namespace rvmm;
namespace token = measure::token;

/// Milliseconds that `work` takes, the median of 100.
template <class Work>
double median_ms(Work work) {
    std::vector<double> times;
    for (int i = 0; i < 100; ++i) {
        const auto begin = std::chrono::steady_clock::now();
        work();
        const std::chrono::duration<double, std::milli> took =
            std::chrono::steady_clock::now() - begin;
        times.push_back(took.count());
    }
    std::ranges::sort(times);
    return times[times.size() / 2];
}

token::RealmClaims claims() {
    token::RealmClaims claims;
    claims.challenge = Bytes(token::kChallengeSize);
    claims.rpv = Bytes(token::kRpvSize);
    claims.rim = measure::Digest(measure::Hash::kSha256);
    claims.rems.fill(claims.rim);
    return claims;
}

Result<> run() {
    RVMM_TRY(const auto key, token::test_key());
    RVMM_TRY(const auto issuer, realm::TokenIssuer::create({}));
    RVMM_TRY(const Bytes issued, issuer.issue(claims()));
    RVMM_TRY(const Bytes signature, key.sign(issued));
    RVMM_TRY(const auto read, token::decode_token(issued));
    const token::PublicKey anchor = key.public_key();
    const double sign = median_ms([&] { return key.sign(issued); });
    const double check = median_ms([&] { return anchor.verify(issued, signature); });
    const double issue = median_ms([&] { return issuer.issue(claims()); });
    const double decode = median_ms([&] { return token::decode_token(issued); });
    const double verify = median_ms([&] {
        const auto again = token::decode_token(issued);
        return token::verify(*again, {.trust_anchor = &anchor, .allow_emulated = true});
    });
    fmt::print("a token of {} bytes\n", issued.size());
    fmt::print("issue: {:.2f} ms; two signatures: {:.2f} ms: ratio {:.2f}\n", issue, 2 * sign,
               issue / (2 * sign));
    fmt::print("read: {:.2f} ms\n", decode);
    fmt::print("read and verify: {:.2f} ms; checking two signatures: {:.2f} ms: ratio {:.2f}\n",
               verify, 2 * check, verify / (2 * check));
    return {};
}

}  // namespace

int main() {
    const auto done = run();
    if (done) return 0;
    fmt::print(stderr, "{}\n", done.error().message());
    return 1;
}
