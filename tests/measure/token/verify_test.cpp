// What is found out about tokens, and by which check.
#include "measure/token/verify.hpp"

#include <cstdlib>

#include <gmock/gmock.h>

#include "measure/token/token_maker.hpp"

namespace rvmm::measure::token {
namespace {

using About = Check::About;
using State = Check::State;
using ::testing::HasSubstr;

Verdict verdict_of(const Bytes& bytes, const Expectations& expected) {
    const auto token = decode_token(bytes);
    EXPECT_TRUE(token) << token.error().message();
    return *verify(*token, expected);
}

State state_of(const Verdict& verdict, std::string_view name) {
    const Check* const check = verdict.find(name);
    EXPECT_NE(check, nullptr) << name;
    return check == nullptr ? State::kUnchecked : check->state;
}

/// The first check that fails; "decoding" if it is no token at all; empty if none does.
std::string what_breaks(const Bytes& bytes, const Expectations& expected) {
    const auto token = decode_token(bytes);
    if (!token) return "decoding";
    const auto verdict = verify(*token, expected);
    for (const Check& check : verdict->checks)
        if (check.state == State::kFails) return check.name;
    return {};
}

/// Every bit of every byte, which takes minutes.
bool tries_all() {
    const char* const soak = std::getenv("RVMM_SOAK");
    return soak != nullptr && *soak == '1';
}

class TfRmmTokens : public ::testing::TestWithParam<const char*> {};

TEST_P(TfRmmTokens, RealmPart_IsGenuine) {
    const Bytes bytes = reference_token(GetParam());
    const Verdict verdict = verdict_of(bytes, {.realm_only = true});
    EXPECT_TRUE(verdict.holds(About::kGenuine));
    EXPECT_EQ(state_of(verdict, "realm signature"), State::kHolds);
    EXPECT_EQ(state_of(verdict, "key binding"), State::kHolds);
    EXPECT_EQ(state_of(verdict, "platform signature"), State::kUnchecked);
    EXPECT_EQ(state_of(verdict, "platform lifecycle"), State::kUnchecked);
    EXPECT_EQ(state_of(verdict, "RIM"), State::kUnchecked);
    EXPECT_EQ(what_breaks(bytes, {}), "platform signature");
    const PublicKey other = test_key()->public_key();
    EXPECT_EQ(what_breaks(bytes, {.trust_anchor = &other, .realm_only = true}),
              "platform signature");
}

/// Where `part` is in `bytes`.
std::size_t offset_of(const Bytes& bytes, ByteSpan part) {
    const auto found = std::ranges::search(bytes, part);
    EXPECT_FALSE(found.empty());
    return static_cast<std::size_t>(found.begin() - bytes.begin());
}

TEST_P(TfRmmTokens, EachByteOfTheRealmPartAndOfThePlatformsChallenge_Counts) {
    const std::size_t step = tries_all() ? 1 : 3;  // of the payload; which is signed as a whole
    const Bytes good = reference_token(GetParam());
    const auto token = decode_token(good);
    ASSERT_TRUE(token);
    const auto breaks = [&](std::size_t at) {
        Bytes bad = good;
        bad[at] ^= static_cast<std::byte>(1U << (at % 8));
        return what_breaks(bad, {.realm_only = true});
    };
    const std::size_t payload = offset_of(good, token->realm_message.payload);
    for (std::size_t at = payload; at < good.size(); at += step) {
        const std::string what = breaks(at);
        EXPECT_NE(what, "") << at;
    }
    for (std::size_t i = 0; i < token->realm_message.signature.size(); i += step)
        EXPECT_EQ(breaks(good.size() - 1 - i), "realm signature") << i;
    const std::size_t rpv = offset_of(good, token->realm.rpv);
    EXPECT_EQ(breaks(rpv + 5), "realm signature");
    const std::size_t challenge = offset_of(good, token->platform.challenge);
    for (std::size_t i = 0; i < token->platform.challenge.size(); ++i)
        EXPECT_EQ(breaks(challenge + i), "key binding") << i;
}

INSTANTIATE_TEST_SUITE_P(All, TfRmmTokens,
                         ::testing::Values("rmm1-sha256", "rmm2-sha256", "rmm2-sha384",
                                           "launch-v14", "launch-v12", "launch-v10"),
                         reference_name);

class IssuedTokens : public ::testing::Test {
  protected:
    MadeToken maker;
    PublicKey anchor = test_key()->public_key();
    Expectations expected{.trust_anchor = &anchor, .allow_emulated = true};
};

TEST_F(IssuedTokens, WithTheirAnchor_AreGenuine) {
    const Verdict verdict = verdict_of(maker.make(), expected);
    for (const Check& check : verdict.checks)
        EXPECT_EQ(check.state, check.name == "RIM" ? State::kUnchecked : State::kHolds)
            << check.name << ": " << check.detail;
    EXPECT_TRUE(verdict.holds(About::kGenuine));
    EXPECT_TRUE(verdict.holds(About::kExpected));
}

class EachByte : public IssuedTokens, public ::testing::WithParamInterface<Form> {};
INSTANTIATE_TEST_SUITE_P(Forms, EachByte, ::testing::Values(Form::kCmwCollection, Form::kCcaToken));

TEST_P(EachByte, OfAnIssuedToken_Counts) {
    maker.form = GetParam();
    const Bytes good = maker.make();
    ASSERT_EQ(what_breaks(good, expected), "");
    for (std::size_t at = 0; at < good.size(); ++at)
        for (unsigned bit = 0; bit < 8; ++bit) {
            if (!tries_all() && bit != at % 8) continue;
            Bytes bad = good;
            bad[at] ^= static_cast<std::byte>(1U << bit);
            EXPECT_NE(what_breaks(bad, expected), "") << at << "." << bit;
        }
}

TEST_F(IssuedTokens, EmulatedPlatform_MustBeAllowed) {
    expected.allow_emulated = false;
    const Verdict verdict = verdict_of(maker.make(), expected);
    EXPECT_EQ(state_of(verdict, "platform signature"), State::kHolds);
    EXPECT_EQ(state_of(verdict, "platform"), State::kFails);
    EXPECT_EQ(state_of(verdict, "platform lifecycle"), State::kFails);
    EXPECT_FALSE(verdict.holds(About::kGenuine));
    EXPECT_EQ(what_breaks(maker.make(), {.realm_only = true}), "platform");
}

TEST_F(IssuedTokens, TestKeyUnderOtherClaims_IsStillEmulated) {
    expected.allow_emulated = false;
    const Bytes bytes = maker.make([](PlatformClaims& platform, auto&) {
        platform.implementation_id = Bytes(kImplementationIdSize, std::byte{7});
        platform.components.clear();
        platform.lifecycle = 0x3003;
    });
    EXPECT_EQ(what_breaks(bytes, expected), "platform");
}

TEST_F(IssuedTokens, PlatformInDebug_IsNotGenuine) {
    maker.platform_key = *PrivateKey::generate(Curve::kP256);
    anchor = maker.platform_key.public_key();
    expected.allow_emulated = false;
    const auto with_lifecycle = [&](std::uint16_t lifecycle) {
        return maker.make([lifecycle](PlatformClaims& platform, auto&) {
            platform.implementation_id = Bytes(kImplementationIdSize, std::byte{7});
            platform.components.clear();
            platform.lifecycle = lifecycle;
        });
    };
    EXPECT_EQ(what_breaks(with_lifecycle(0x30ff), expected), "");
    for (const unsigned state : {0x0000U, 0x10ffU, 0x2000U, 0x4020U, 0x5000U, 0x6000U, 0x3100U})
        EXPECT_EQ(what_breaks(with_lifecycle(static_cast<std::uint16_t>(state)), expected),
                  "platform lifecycle")
            << state;
}

TEST_F(IssuedTokens, OtherRealm_IsGenuineAndNotExpected) {
    const Bytes bytes = maker.make();
    const RealmClaims realm = made_realm(maker.hash, maker.profile, maker.rak.public_key());
    expected.rim = realm.rim;
    expected.hash = realm.hash;
    expected.rems = {realm.rems[0], {}, realm.rems[2], {}};
    expected.rpv = realm.rpv;
    EXPECT_EQ(what_breaks(bytes, expected), "");
    const auto fails_at = [&](std::string_view name, const Expectations& other) {
        const Verdict verdict = verdict_of(bytes, other);
        EXPECT_EQ(state_of(verdict, name), State::kFails);
        EXPECT_TRUE(verdict.holds(About::kGenuine)) << name;
        EXPECT_FALSE(verdict.holds(About::kExpected)) << name;
    };
    Expectations other = expected;
    other.rim = Digest(Hash::kSha256);
    fails_at("RIM", other);
    EXPECT_THAT(verdict_of(bytes, other).find("RIM")->detail, HasSubstr(", not 0000"));
    other = expected;
    other.rems[2] = realm.rems[1];
    fails_at("REM3", other);
    other = expected;
    other.rpv = Bytes(10, std::byte{0x99});
    fails_at("RPV", other);
    other = expected;
    other.hash = Hash::kSha512;
    fails_at("hash", other);
}

TEST_F(IssuedTokens, ChallengeAndProfile_AreHeldAgainstWhatWasAsked) {
    const Bytes bytes = maker.make([](auto&, RealmClaims& realm) {
        std::fill(realm.challenge.begin() + 32, realm.challenge.end(), std::byte{0});
    });
    expected.challenge = Bytes(32, std::byte{0xc4});
    EXPECT_EQ(what_breaks(bytes, expected), "");
    expected.challenge = Bytes(33, std::byte{0xc4});
    EXPECT_EQ(what_breaks(bytes, expected), "challenge");
    expected.challenge.reset();
    expected.profile = kRealmProfile2024;
    EXPECT_EQ(what_breaks(bytes, expected), "");
    expected.profile = kRealmProfile2023;
    EXPECT_EQ(what_breaks(bytes, expected), "profile");
    EXPECT_EQ(
        what_breaks(maker.make([](PlatformClaims& platform, auto&) { platform.profile = "mine"; }),
                    {.trust_anchor = &anchor,
                     .allow_emulated = true,
                     .profile = std::string(kRealmProfile2024)}),
        "profile");
    expected.profile.reset();
    EXPECT_EQ(what_breaks(maker.make([](auto&, RealmClaims& realm) { realm.profile = "mine"; }),
                          expected),
              "profile");
    EXPECT_EQ(
        what_breaks(maker.make([](PlatformClaims& platform, auto&) { platform.profile = "mine"; }),
                    expected),
        "profile");
}

TEST_F(IssuedTokens, RealmOfAnotherToken_IsNotBound) {
    // A platform's token beside the realm's of another launch.
    const auto first = *decode_token(maker.make());
    maker.rak = *PrivateKey::generate(Curve::kP384);
    const Bytes mixed = maker.make(
        [&](PlatformClaims& platform, auto&) { platform.challenge = first.platform.challenge; });
    EXPECT_EQ(what_breaks(mixed, expected), "key binding");
}

}  // namespace
}  // namespace rvmm::measure::token
