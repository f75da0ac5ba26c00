// Tokens that the software RMM issues: through the guest's calls, and what a verifier finds in
// them.
#include "realm/rmm/token_issuer.hpp"

#include <utility>

#include <gtest/gtest.h>

#include "measure/token/verify.hpp"
#include "realm/rmm/fake_realm_memory.hpp"
#include "realm/rmm/software_rmm.hpp"
#include "rmi/rsi.hpp"

namespace rvmm::realm {
namespace {

namespace token = measure::token;
using rmi::RsiFunction;

constexpr Ipa kTokenPage{0x8000'0000};
const IpaRange kTokenRealmMemory = IpaRange::between(kTokenPage, Ipa{0x8010'0000}).value();

/// A running realm, of which REC 0 makes the calls.
class IssuedToGuest {
  public:
    explicit IssuedToGuest(const AttestationSpec& spec, measure::Hash hash = measure::Hash::kSha256)
        : memory_({kTokenRealmMemory}),
          rmm_(*SoftwareRmm::create(realm(hash), memory_, source(spec))) {}

    /// In pieces of 100 bytes.
    Bytes ask(std::byte challenge) {
        registers_.x = {std::to_underlying(RsiFunction::kAttestationTokenInit)};
        for (std::size_t i = 1; i <= 8; ++i)
            registers_.x[i] = 0x0101'0101'0101'0101 * std::to_integer<std::uint64_t>(challenge);
        rmm_.smc(0, registers_);
        EXPECT_EQ(registers_.x[0], 0u);
        Bytes got;
        do {
            registers_.x = {std::to_underlying(RsiFunction::kAttestationTokenContinue),
                            kTokenPage.value, 8, 100};
            rmm_.smc(0, registers_);
            Bytes piece(registers_.x[1]);
            EXPECT_TRUE(memory_.read(kTokenPage + 8, piece));
            got.insert(got.end(), piece.begin(), piece.end());
        } while (registers_.x[0] == 3);
        EXPECT_EQ(registers_.x[0], 0u);
        return got;
    }
    void extend(std::size_t index) {
        registers_.x = {std::to_underlying(RsiFunction::kMeasurementExtend), index, 32, 1, 2, 3, 4};
        rmm_.smc(0, registers_);
        EXPECT_EQ(registers_.x[0], 0u);
    }
    const SoftwareRmm& rmm() const { return rmm_; }

  private:
    static ActiveRealm realm(measure::Hash hash) {
        ActiveRealm realm;
        realm.ipa_bits = 34;
        realm.hash = hash;
        realm.rim = measure::Digest(hash);
        realm.rim.mutable_bytes()[0] = std::byte{0x42};
        realm.personalization[63] = std::byte{9};
        realm.ram = {kTokenRealmMemory};
        realm.mpidrs = {0};
        return realm;
    }
    static TokenSource source(const AttestationSpec& spec) {
        return [issuer = *TokenIssuer::create(spec)](const token::RealmClaims& claims) {
            return std::optional(*issuer.issue(claims));
        };
    }

    FakeRealmMemory memory_;
    SoftwareRmm rmm_;
    rmi::SmcRegisters registers_;
};

void expect_holds_all(const token::Token& issued, const token::Expectations& expected) {
    const auto verdict = verify(issued, expected);
    ASSERT_TRUE(verdict);
    for (const token::Check& check : verdict->checks)
        EXPECT_EQ(check.state, token::Check::State::kHolds) << check.name << ": " << check.detail;
}

TEST(TokenIssuer, GuestsToken_IsOfItsRealm) {
    using Profile = AttestationSpec::Profile;
    const token::PublicKey anchor = token::test_key()->public_key();
    for (const auto hash : {measure::Hash::kSha256, measure::Hash::kSha384, measure::Hash::kSha512})
        for (const Profile profile : {Profile::kNone, Profile::kRealm2023, Profile::kRealm2024})
            for (const token::Form form : {token::Form::kCcaToken, token::Form::kCmwCollection}) {
                AttestationSpec spec;
                spec.profile = profile;
                spec.form = form;
                IssuedToGuest realm(spec, hash);
                realm.extend(2);
                const auto issued = token::decode_token(realm.ask(std::byte{0xab}));
                ASSERT_TRUE(issued) << issued.error().message();
                EXPECT_EQ(issued->form, form);
                EXPECT_EQ(issued->realm.profile.has_value(), profile != Profile::kNone);
                EXPECT_EQ(issued->realm.rpv[63], std::byte{9});
                token::Expectations expected{.trust_anchor = &anchor, .allow_emulated = true};
                expected.challenge = Bytes(64, std::byte{0xab});
                expected.hash = hash;
                expected.rim = measure::Digest::from(realm.rmm().measurement(0));
                for (std::size_t i = 0; i < 4; ++i)
                    expected.rems[i] = measure::Digest::from(realm.rmm().measurement(i + 1));
                EXPECT_NE(expected.rems[1], measure::Digest(hash));
                expect_holds_all(*issued, expected);
            }
}

TEST(TokenIssuer, NextToken_ShowsWhatWasExtendedAndAsked) {
    IssuedToGuest realm({});
    const auto first = token::decode_token(realm.ask(std::byte{1}));
    realm.extend(4);
    const auto second = token::decode_token(realm.ask(std::byte{2}));
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->realm.rems[3], measure::Digest(measure::Hash::kSha256));
    EXPECT_NE(second->realm.rems[3], first->realm.rems[3]);
    EXPECT_EQ(second->realm.rim, first->realm.rim);
    EXPECT_EQ(first->realm.challenge[0], std::byte{1});
    EXPECT_EQ(second->realm.challenge[63], std::byte{2});
    EXPECT_EQ(first->rak, second->rak) << "a realm has one key";
    EXPECT_EQ(first->realm.instance_id, second->realm.instance_id);
}

TEST(TokenIssuer, OtherLaunch_HasAnotherKeyAndInstance) {
    const auto first = token::decode_token(IssuedToGuest({}).ask({}));
    const auto second = token::decode_token(IssuedToGuest({}).ask({}));
    ASSERT_TRUE(first && second);
    EXPECT_NE(first->rak, second->rak);
    EXPECT_NE(first->realm.instance_id, second->realm.instance_id);
}

TEST(TokenIssuer, KeysAndClaimsOfTheConfig_AreUsed) {
    const auto platform_key = *token::PrivateKey::generate(token::Curve::kP256);
    const auto realm_key = *token::PrivateKey::generate(token::Curve::kP521);
    const auto pem = [](const token::PrivateKey& key) {
        const std::string text = key.to_pem();
        const ByteSpan bytes = as_bytes(text);
        return Bytes(bytes.begin(), bytes.end());
    };
    AttestationSpec spec;
    spec.platform_key = pem(platform_key);
    spec.realm_key = pem(realm_key);
    spec.platform.implementation_id = Bytes(32, std::byte{5});
    spec.platform.lifecycle = 0x3001;
    spec.platform.verifier = "https://verifier.example";
    const auto issued = token::decode_token(IssuedToGuest(spec).ask({}));
    ASSERT_TRUE(issued) << issued.error().message();
    EXPECT_EQ(issued->rak, realm_key.public_key());
    EXPECT_EQ(issued->platform.implementation_id, spec.platform.implementation_id);
    EXPECT_EQ(issued->platform.verifier, spec.platform.verifier);
    const token::PublicKey anchor = platform_key.public_key();
    const auto verdict = verify(*issued, {.trust_anchor = &anchor});
    ASSERT_TRUE(verdict);
    EXPECT_EQ(verdict->find("platform signature")->state, token::Check::State::kHolds);
    EXPECT_EQ(verdict->find("platform")->state, token::Check::State::kFails)
        << "whatever is set, it says that it is emulated";
}

TEST(TokenIssuer, KeyThatIsNone_IsRefused) {
    AttestationSpec spec;
    spec.realm_key = Bytes(10);
    const auto issuer = TokenIssuer::create(spec);
    ASSERT_FALSE(issuer);
    EXPECT_EQ(issuer.error().stage(), Stage::kImage);
}

}  // namespace
}  // namespace rvmm::realm
