// Any bytes as an attestation token, as a COSE_Key and as a key file. An even first byte stands for
// a good token with some bytes changed. What is accepted says the same when it is written anew, and
// is shown and verified.

#include "input.hpp"
#include "measure/token/describe.hpp"
#include "measure/token/emulated_platform.hpp"
#include "measure/token/verify.hpp"

namespace {

using namespace rvmm;
using namespace rvmm::measure;
using namespace rvmm::measure::token;

using fuzz::changed;
using fuzz::require;

const PrivateKey& a_key() {
    static const PrivateKey key = *test_key();
    return key;
}

const Bytes& good_token() {
    static const Bytes token = [] {
        RealmClaims realm;
        realm.profile = std::string(kRealmProfile2024);
        realm.challenge = Bytes(kChallengeSize, std::byte{1});
        realm.rpv = Bytes(kRpvSize);
        realm.rak = rak_claim(a_key().public_key(), realm.profile);
        realm.rim = Digest(Hash::kSha256);
        realm.rems.fill(Digest(Hash::kSha256));
        realm.mec_policy = MecPolicy::kShared;
        PlatformClaims platform = emulated_platform();
        platform.challenge = Bytes(32);
        return *make_token(Form::kCcaToken, platform, a_key(), realm, a_key());
    }();
    return token;
}

void check(ByteSpan input) {
    const auto read = decode_token(input);
    if (!read) return;
    require(*decode_platform_claims(encode(read->platform)) == read->platform);
    require(*decode_realm_claims(encode(read->realm)) == read->realm);
    require(!describe(read->platform).empty() && !describe(read->realm).empty());
    static unsigned accepted = 0;
    if (++accepted % 16 != 0) return;  // signatures take most of the time
    const auto verdict = verify(*read, {.trust_anchor = &a_key().public_key()});
    require(verdict.has_value() && !verdict->holds(Check::About::kGenuine));
}

void check_keys(ByteSpan input) {
    const auto key = PublicKey::from_cose(input);
    if (key) require(PublicKey::from_cose(key->to_cose()) == *key);
    const auto point = PublicKey::from_point(input);
    if (point) require(Bytes(input.begin(), input.end()) == point->point());
    (void)PublicKey::from_file(input);
    (void)PrivateKey::from_pem(input);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteSpan input = std::as_bytes(std::span(data, size));
    if (size > 0 && data[0] % 2 == 0) {
        check(changed(good_token(), input.subspan(1)));
        return 0;
    }
    check(input);
    check_keys(input);
    return 0;
}
