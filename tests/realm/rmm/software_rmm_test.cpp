// What the recording and the vectors do not show: several RECs, partial RIPAS changes, refusals.
#include "realm/rmm/software_rmm.hpp"

#include <gtest/gtest.h>

#include "realm/rmm/fake_realm_memory.hpp"
#include "rmi/psci.hpp"
#include "rmi/rsi.hpp"

namespace rvmm::realm {
namespace {

using rmi::PsciResult;
using rmi::RsiFunction;
using rmi::SmcRegisters;

constexpr std::uint64_t kMiB = 1ULL << 20;
constexpr IpaRange kRam = *IpaRange::make(Ipa{0x8000'0000}, 4 * kMiB);
constexpr std::uint64_t kProtectedEnd = 1ULL << 33;
constexpr std::uint64_t kCpuOn = 0xc400'0003;
constexpr std::uint64_t kCpuOn32 = 0x8400'0003;
constexpr std::uint64_t kAffinityInfo = 0xc400'0004;
constexpr std::uint64_t kCpuOff = 0x8400'0002;

ActiveRealm three_recs() {
    ActiveRealm realm;
    realm.ipa_bits = 34;
    realm.rim = measure::Digest(measure::Hash::kSha256);
    realm.ram = {kRam};
    realm.mpidrs = {0, 1, 0x100};
    return realm;
}

class SoftwareRmmTest : public testing::Test {
  protected:
    explicit SoftwareRmmTest(TokenSource tokens = {})
        : memory_({kRam}), rmm_(*SoftwareRmm::create(three_recs(), memory_, std::move(tokens))) {}

    SmcOutcome smc(std::size_t rec, std::uint64_t function, std::uint64_t x1 = 0,
                   std::uint64_t x2 = 0, std::uint64_t x3 = 0) {
        registers_.x = {function, x1, x2, x3};
        return rmm_.smc(rec, registers_);
    }
    SmcOutcome rsi(std::size_t rec, RsiFunction function, std::uint64_t x1 = 0,
                   std::uint64_t x2 = 0, std::uint64_t x3 = 0) {
        return smc(rec, static_cast<std::uint64_t>(function), x1, x2, x3);
    }
    IpaStateChange ask(Ipa base, Ipa top, Ripas ripas) {
        return std::get<IpaStateChange>(rsi(0, RsiFunction::kIpaStateSet, base.value, top.value,
                                            static_cast<std::uint64_t>(ripas)));
    }
    std::uint64_t x(std::size_t index) const { return registers_.x[index]; }
    static std::uint64_t code(PsciResult result) { return rmi::to_register(result); }

    FakeRealmMemory memory_;
    SoftwareRmm rmm_;
    SmcRegisters registers_;
};

TEST_F(SoftwareRmmTest, CpuOn_StartsAnOffRecOnce) {
    smc(0, kAffinityInfo, 0x100);
    EXPECT_EQ(x(0), rmi::kPsciAffinityOff);
    const auto request = std::get<CpuOnRequest>(smc(0, kCpuOn, 0x100, 0x8008'0000, 42));
    EXPECT_EQ(request.target, 2U);
    EXPECT_EQ(request.entry, Ipa{0x8008'0000});
    EXPECT_EQ(request.context, 42U);
    EXPECT_EQ(x(0), 0U);
    smc(0, kAffinityInfo, 0x100);
    EXPECT_EQ(x(0), rmi::kPsciAffinityOn);
    EXPECT_TRUE(std::holds_alternative<Handled>(smc(1, kCpuOn, 0x100, 0x8008'0000, 42)));
    EXPECT_EQ(x(0), code(PsciResult::kAlreadyOn));
}

TEST_F(SoftwareRmmTest, CpuOff_LetsTheRecBeStartedAgain) {
    smc(0, kCpuOn, 1, 0x8008'0000);
    EXPECT_TRUE(std::holds_alternative<CpuOffRequest>(smc(1, kCpuOff)));
    smc(0, kAffinityInfo, 1);
    EXPECT_EQ(x(0), rmi::kPsciAffinityOff);
    EXPECT_TRUE(std::holds_alternative<CpuOnRequest>(smc(0, kCpuOn, 1, 0x8008'0000)));
}

TEST_F(SoftwareRmmTest, CpuOn_ChecksTheEntryBeforeTheTarget) {
    smc(0, kCpuOn, 77, kProtectedEnd);
    EXPECT_EQ(x(0), code(PsciResult::kInvalidAddress));
    smc(0, kCpuOn, 77, 0x8008'0000);
    EXPECT_EQ(x(0), code(PsciResult::kInvalidParameters));
    smc(0, kCpuOn, 0, 0x8008'0000);
    EXPECT_EQ(x(0), code(PsciResult::kAlreadyOn));
    EXPECT_TRUE(std::holds_alternative<CpuOnRequest>(smc(0, kCpuOn, 1, 0)));  // no memory: accepted
}

TEST_F(SoftwareRmmTest, CpuOn32_TakesLowHalvesOfItsArguments) {
    constexpr std::uint64_t kHigh = 0xabcd'0000'0000'0000;
    const auto request =
        std::get<CpuOnRequest>(smc(0, kCpuOn32, kHigh | 1, kHigh | 0x8008'0000, kHigh | 7));
    EXPECT_EQ(request.target, 1U);
    EXPECT_EQ(request.entry, Ipa{0x8008'0000});
    EXPECT_EQ(request.context, 7U);
}

TEST_F(SoftwareRmmTest, SystemOffAndReset_AreOutcomes) {
    EXPECT_TRUE(std::holds_alternative<SystemOffRequest>(smc(1, 0x8400'0008)));
    EXPECT_TRUE(std::holds_alternative<SystemResetRequest>(smc(1, 0x8400'0009)));
}

TEST_F(SoftwareRmmTest, CpuSuspend_ReturnsAtOnce) {
    EXPECT_TRUE(std::holds_alternative<Handled>(smc(0, 0xc400'0001, 0, 0x8008'0000)));
    EXPECT_EQ(x(0), 0U);
}

TEST_F(SoftwareRmmTest, FunctionId_IsTheLowHalfOfX0) {
    smc(0, 0xffff'ffff'c400'0190, rmi::kRsiVersion10);
    EXPECT_EQ(x(0), 0U);
    EXPECT_EQ(x(1), rmi::kRsiVersion10);
}

TEST_F(SoftwareRmmTest, IpaStateSetRam_PastTheSlot_GrantsUpToItsEnd) {
    const IpaStateChange empty = ask(kRam.base(), kRam.top(), Ripas::kEmpty);
    rmm_.complete(empty, registers_);
    const Ipa base{kRam.top().value - kMiB};
    const IpaStateChange change = ask(base, kRam.top() + kMiB, Ripas::kRam);
    EXPECT_FALSE(change.reject);
    EXPECT_EQ(change.progress, kRam.top());
    EXPECT_EQ(change.changes, std::vector{*IpaRange::between(base, kRam.top())});
    EXPECT_EQ(rmm_.ripas_at(base), Ripas::kEmpty);
    rmm_.complete(change, registers_);
    EXPECT_EQ(rmm_.ripas_at(base), Ripas::kRam);
    EXPECT_EQ(x(0), 0U);
    EXPECT_EQ(x(1), kRam.top().value);
    EXPECT_EQ(x(2), rmi::kRsiAccept);
}

TEST_F(SoftwareRmmTest, IpaStateSetRam_WithoutMemory_IsRejected) {
    const IpaStateChange change = ask(kRam.top(), kRam.top() + kMiB, Ripas::kRam);
    EXPECT_TRUE(change.reject);
    EXPECT_TRUE(change.changes.empty());
    rmm_.complete(change, registers_);
    EXPECT_EQ(x(0), 0U);
    EXPECT_EQ(x(1), kRam.top().value);
    EXPECT_EQ(x(2), rmi::kRsiReject);
}

TEST_F(SoftwareRmmTest, IpaStateSetEmpty_AcrossMemory_ChangesOnlyMemory) {
    const IpaStateChange change = ask(Ipa{0}, Ipa{kProtectedEnd}, Ripas::kEmpty);
    EXPECT_FALSE(change.reject);
    EXPECT_EQ(change.progress, Ipa{kProtectedEnd});
    EXPECT_EQ(change.changes, std::vector{kRam});
    rmm_.complete(change, registers_);
    EXPECT_TRUE(ask(Ipa{0}, Ipa{kProtectedEnd}, Ripas::kEmpty).changes.empty());
}

TEST_F(SoftwareRmmTest, HostCall_PageGoneMeanwhile_LosesTheResults) {
    const Ipa call = kRam.base();
    const auto request = std::get<HostCallRequest>(rsi(0, RsiFunction::kHostCall, call.value));
    SmcRegisters caller = registers_;
    const IpaStateChange change = ask(call, call + kPageSize4K, Ripas::kEmpty);
    memory_.convert(change);
    rmm_.complete(change, registers_);
    rmm_.complete(request, {}, caller);
    EXPECT_EQ(caller.x[0], 0U);
    EXPECT_EQ(caller.x[1], call.value);
}

TEST_F(SoftwareRmmTest, TokenInit_WithoutSource_AnswersUnknown) {
    rsi(0, RsiFunction::kAttestationTokenInit);
    EXPECT_EQ(x(0), 4U);
    rsi(0, RsiFunction::kAttestationTokenContinue, kRam.base().value, 0, 4096);
    EXPECT_EQ(x(0), 2U);
}

class TokenTest : public SoftwareRmmTest {
  protected:
    TokenTest()
        : SoftwareRmmTest([this](const measure::token::RealmClaims& claims) {
              ++made_;
              token_.assign(claims.challenge.begin(), claims.challenge.begin() + 8);
              return refuse_ ? std::nullopt : std::optional(token_);
          }) {}

    void proceed(std::size_t rec, std::uint64_t size) {
        rsi(rec, RsiFunction::kAttestationTokenContinue, kRam.base().value, 0, size);
    }
    void sign(std::size_t rec) {
        for (int i = 0; i < 3; ++i) proceed(rec, 8);
    }

    bool refuse_ = false;
    int made_ = 0;
    Bytes token_;
};

TEST_F(TokenTest, Requests_AreEachRecsOwn) {
    rsi(0, RsiFunction::kAttestationTokenInit, 0x11);
    rsi(1, RsiFunction::kAttestationTokenInit, 0x22);
    proceed(2, 8);
    EXPECT_EQ(x(0), 2U);
    sign(0);
    sign(1);
    EXPECT_EQ(x(0), 3U);
    EXPECT_EQ(x(1), 0U);
    EXPECT_EQ(made_, 0);
    proceed(0, 7);
    EXPECT_EQ(x(0), 3U);
    EXPECT_EQ(x(1), 7U);
    EXPECT_EQ(memory_.load_private(kRam.base()), 0x11U);
    proceed(1, 8);
    EXPECT_EQ(x(0), 0U);
    EXPECT_EQ(memory_.load_private(kRam.base()), 0x22U);
    proceed(0, 8);
    EXPECT_EQ(x(0), 0U);
    EXPECT_EQ(x(1), 1U);
    EXPECT_EQ(made_, 2);
}

TEST_F(TokenTest, SourceThatMakesNone_EndsTheRequest) {
    refuse_ = true;
    rsi(0, RsiFunction::kAttestationTokenInit);
    sign(0);
    proceed(0, 8);
    EXPECT_EQ(x(0), 4U);
    proceed(0, 8);
    EXPECT_EQ(x(0), 2U);
}

TEST_F(TokenTest, PageWithoutRam_DoesNotDisturbTheRequest) {
    rsi(0, RsiFunction::kAttestationTokenInit);
    sign(0);
    for (const std::uint64_t size : {0U, 8U}) {
        rsi(0, RsiFunction::kAttestationTokenContinue, kRam.top().value, 0, size);
        EXPECT_EQ(x(0), 1U);
    }
    proceed(0, 8);
    EXPECT_EQ(x(0), 0U);
    EXPECT_EQ(x(1), 8U);
}

TEST_F(TokenTest, OffsetAndSizeThatWrap_AreRefused) {
    rsi(0, RsiFunction::kAttestationTokenInit);
    rsi(0, RsiFunction::kAttestationTokenContinue, kRam.base().value, 1, ~0ULL);
    EXPECT_EQ(x(0), 1U);
}

TEST(SoftwareRmmCreate, RealmThatCannotBe_IsAnError) {
    FakeRealmMemory memory({kRam});
    const auto refused = [&](auto spoil) {
        ActiveRealm realm = three_recs();
        spoil(realm);
        const auto rmm = SoftwareRmm::create(std::move(realm), memory);
        return !rmm && rmm.error().stage() == Stage::kInternal;
    };
    const auto slot = [](std::uint64_t base, std::uint64_t size) {
        return *IpaRange::make(Ipa{base}, size);
    };
    EXPECT_FALSE(refused([](ActiveRealm&) {}));
    EXPECT_TRUE(refused([](ActiveRealm& r) { r.ipa_bits = 31; }));
    EXPECT_TRUE(refused([](ActiveRealm& r) { r.ipa_bits = 53; }));
    EXPECT_TRUE(refused([](ActiveRealm& r) { r.hash = measure::Hash::kSha512; }));
    EXPECT_TRUE(refused([](ActiveRealm& r) { r.mpidrs.clear(); }));
    EXPECT_TRUE(refused([&](ActiveRealm& r) { r.ram = {slot(0x8000'0800, 0x1000)}; }));
    EXPECT_TRUE(refused([&](ActiveRealm& r) { r.ram = {slot(0x8000'0000, 0)}; }));
    EXPECT_TRUE(refused([&](ActiveRealm& r) { r.ram = {slot(kProtectedEnd - 4096, 8192)}; }));
    EXPECT_TRUE(
        refused([&](ActiveRealm& r) { r.ram = {slot(0x2000, 0x2000), slot(0x3000, 4096)}; }));
}

}  // namespace
}  // namespace rvmm::realm
