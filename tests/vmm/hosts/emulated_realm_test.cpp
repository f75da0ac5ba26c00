#include "vmm/hosts/emulated_realm.hpp"

#include <atomic>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

#include "realm/plan/fold.hpp"
#include "rmi/rsi.hpp"

namespace rvmm::vmm {
namespace {

using realm::Ripas;
using rmi::RsiFunction;

constexpr std::uint64_t kPage = 0x8020'0000;

struct Sink final : devices::ByteSink {
    bool put(ByteSpan /*bytes*/) override { return true; }
};

class EmulatedRealmTest : public ::testing::Test {
  protected:
    EmulatedRealmTest()
        : kernel_(std::filesystem::path(::testing::TempDir()) /
                  ("rvmm-emulated-" + std::to_string(::getpid()))) {
        std::ofstream(kernel_) << std::string(5000, 'k');
    }
    ~EmulatedRealmTest() override { std::filesystem::remove(kernel_); }

    void SetUp() override {
        realm::RealmSpec spec;
        spec.machine = {2, 64ULL << 20};
        spec.boot.kernel = kernel_;
        spec.realm = realm::RealmParameters{};
        const auto plan = realm::LaunchPlan::create(std::move(spec));
        ASSERT_TRUE(plan) << plan.error().message();
        const auto rim = realm::fold_rim(*plan);
        ASSERT_TRUE(rim);
        auto made = EmulatedRealm::create(*plan, *rim, sink_);
        ASSERT_TRUE(made) << made.error().message();
        realm = std::move(*made);
    }

    /// X0 of the answer.
    std::uint64_t call(std::size_t vcpu, RsiFunction function, std::uint64_t a = 0,
                       std::uint64_t b = 0, std::uint64_t c = 0) {
        rmi::SmcRegisters registers;
        registers.x[0] = static_cast<std::uint32_t>(function);
        registers.x[1] = a;
        registers.x[2] = b;
        registers.x[3] = c;
        const auto reply = realm->call(vcpu, registers, true);
        EXPECT_TRUE(reply) << reply.error().message();
        return registers.x[0];
    }
    std::uint64_t set(std::size_t vcpu, std::uint64_t base, std::uint64_t top, Ripas ripas) {
        return call(vcpu, RsiFunction::kIpaStateSet, base, top, static_cast<std::uint64_t>(ripas));
    }
    bool leasable(std::uint64_t page) {
        return realm->memory()
            .shared()
            .lease(Ipa{page}, 8, devices::Access::kRead, "net0")
            .has_value();
    }

    Sink sink_;
    std::filesystem::path kernel_;
    std::unique_ptr<EmulatedRealm> realm;
};

// A vCPU that waits for a device keeps nobody else waiting: the other converts and asks meanwhile,
// a part of the same range among it.
TEST_F(EmulatedRealmTest, ConversionThatWaits_LeavesTheRmmToOtherVcpus) {
    ASSERT_EQ(set(0, kPage, kPage + 0x4000, Ripas::kEmpty), 0u);
    auto lease =
        realm->memory().shared().lease(Ipa{kPage}, 0x1000, devices::Access::kWrite, "disk0");
    ASSERT_TRUE(lease);
    std::atomic<bool> returned = false;
    std::thread waits([&] {
        EXPECT_EQ(set(0, kPage, kPage + 0x4000, Ripas::kRam), 0u);
        returned = true;
    });
    while (leasable(kPage)) std::this_thread::yield();
    EXPECT_EQ(call(1, RsiFunction::kVersion, 0x10000), 0u);
    EXPECT_EQ(set(1, kPage + 0x2000, kPage + 0x3000, Ripas::kRam), 0u);
    EXPECT_EQ(set(1, kPage + 0x8000, kPage + 0x9000, Ripas::kEmpty), 0u);
    EXPECT_FALSE(returned);
    *lease = devices::Lease();
    waits.join();
    EXPECT_FALSE(leasable(kPage));
    EXPECT_TRUE(leasable(kPage + 0x8000));
    RunCounters counters;
    realm->add_counters(counters);
    EXPECT_EQ(counters.converted_bytes, 2u * 0x4000 + 0x1000) << "no page was converted twice";
}

// Both vCPUs turn the same pages back and forth: the RMM and the memory never differ about a page.
TEST_F(EmulatedRealmTest, ConcurrentConversions_KeepRmmAndMemoryAlike) {
    const auto vcpu = [&](std::size_t index) {
        for (std::uint64_t i = 0; i < 300; ++i) {
            const std::uint64_t first = kPage + (i * (index + 3)) % 8 * 0x1000;
            EXPECT_EQ(set(index, first, first + 0x3000, i % 2 == 0 ? Ripas::kEmpty : Ripas::kRam),
                      0u);
        }
    };
    std::thread other(vcpu, 1);
    vcpu(0);
    other.join();
    for (std::uint64_t page = kPage; page < kPage + 12 * 0x1000; page += 0x1000) {
        rmi::SmcRegisters registers;
        registers.x = {static_cast<std::uint32_t>(RsiFunction::kIpaStateGet), page, page + 0x1000};
        ASSERT_TRUE(realm->call(0, registers, true));
        ASSERT_EQ(registers.x[0], 0u);
        EXPECT_EQ(registers.x[2] == static_cast<std::uint64_t>(Ripas::kEmpty), leasable(page));
    }
}

}  // namespace
}  // namespace rvmm::vmm
