// Conversions of a realm's memory: order of calls by attribute mode, leases, refusals, and what
// touching memory that the host took away says.
#include "vmm/cca/guest_memory.hpp"

#include <chrono>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

#include "vmm/cca/realm_runner.hpp"
#include "vmm/cca/realm_vm.hpp"

namespace rvmm::vmm::cca {
namespace {

using namespace std::chrono_literals;
using State = GuestMemory::State;

constexpr std::uint64_t kSize = 4ULL << 20;
constexpr std::uint64_t kSharedBit = 1ULL << 39;

IpaRange pages(std::uint64_t first, std::uint64_t count) {
    return *IpaRange::make(Ipa{kTestRam + first * 4096}, count * 4096);
}

class RealmMemoryTest : public ::testing::TestWithParam<Revision> {
  protected:
    void SetUp() override {
        fake_ = std::make_unique<FakeKvm>(host_of(GetParam()));
        fake_->set_strict(false);
        system_.emplace(kvm::System::open(*fake_).value());
        vm_.emplace(probe_realms(*system_, 40).value());
        memory_ = GuestMemory::create(vm_->vm(), {.ram = pages(0, kSize / 4096),
                                                  .shared_bit = kSharedBit,
                                                  .page_size = 4096,
                                                  .attributes = vm_->revision().attributes,
                                                  .lease_patience = 50ms})
                      .value();
    }
    std::unique_ptr<FakeKvm> fake_;
    std::optional<kvm::System> system_;
    std::optional<RealmVm> vm_;
    std::unique_ptr<GuestMemory> memory_;
};

INSTANTIATE_TEST_SUITE_P(Modes, RealmMemoryTest, ::testing::Values(Revision::kV14, Revision::kV15),
                         [](const auto& named) { return std::string(traits(named.param).name); });

TEST_P(RealmMemoryTest, Devices_ReachSharedPagesAlone) {
    std::array<std::byte, 8> bytes{};
    EXPECT_FALSE(memory_->read(Ipa{kTestRam}, bytes));
    EXPECT_EQ(memory_->convert(pages(0, 2), State::kShared).value(), 8192u);
    const auto text = as_bytes("12345678");
    ASSERT_TRUE(memory_->write(Ipa{kTestRam + 4092}, text));
    ASSERT_TRUE(memory_->read(Ipa{(kTestRam + 4092) | kSharedBit}, bytes));
    EXPECT_TRUE(std::ranges::equal(bytes, text));
    EXPECT_FALSE(memory_->read(Ipa{kTestRam + 8188}, bytes)) << "the second half is private";
    EXPECT_FALSE(memory_->read(Ipa{kTestRam - 4}, bytes));
    EXPECT_FALSE(memory_->read(Ipa{UINT64_MAX - 3}, bytes));
    EXPECT_EQ(memory_->convert(pages(0, 2), State::kPrivate).value(), 8192u);
    EXPECT_FALSE(memory_->read(Ipa{kTestRam}, bytes));
    EXPECT_EQ(memory_->convert(pages(0, 1), State::kShared).value(), 4096u);
    ASSERT_TRUE(memory_->read(Ipa{kTestRam}, bytes));
    EXPECT_TRUE(std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; }))
        << "nothing survives a conversion";
    EXPECT_EQ(memory_->counters().refused_accesses, 3u);
}

TEST_P(RealmMemoryTest, Conversion_OfWhatIsConvertedAlreadyChangesNothing) {
    const int before = fake_->calls();
    EXPECT_EQ(memory_->convert(pages(0, 1024), State::kPrivate).value(), 0u);
    EXPECT_EQ(fake_->calls(), before);
    EXPECT_EQ(memory_->convert(pages(3, 1), State::kShared).value(), 4096u);
    EXPECT_EQ(memory_->convert(pages(2, 3), State::kShared).value(), 8192u);
    EXPECT_EQ(memory_->convert(pages(2, 3), State::kShared).value(), 0u);
    EXPECT_EQ(memory_->counters().conversions, 2u);
}

TEST_P(RealmMemoryTest, RangeThatIsNoWholePages_IsTheGuestsFault) {
    const auto odd = *IpaRange::make(Ipa{kTestRam + 100}, 4096);
    const auto converted = memory_->convert(odd, State::kShared);
    ASSERT_FALSE(converted);
    EXPECT_EQ(converted.error().stage(), Stage::kGuest);
}

TEST_P(RealmMemoryTest, Lease_DelaysAConversionToPrivateAndNotForEver) {
    ASSERT_TRUE(memory_->convert(pages(0, 4), State::kShared));
    auto lease =
        memory_->lease(Ipa{(kTestRam + 4096) | kSharedBit}, 100, devices::Access::kRead, "disk0");
    ASSERT_TRUE(lease) << lease.error().message();
    const auto late = memory_->convert(pages(0, 4), State::kPrivate);
    ASSERT_FALSE(late);
    EXPECT_NE(late.error().message().find("disk0"), std::string::npos) << late.error().message();

    std::thread device([lease = *std::move(lease)]() mutable {
        std::this_thread::sleep_for(10ms);
        lease = devices::Lease();
    });
    EXPECT_EQ(memory_->convert(pages(0, 4), State::kPrivate).value(), 4 * 4096u);
    device.join();
    EXPECT_FALSE(memory_->lease(Ipa{kTestRam + 4096}, 100, devices::Access::kRead, "disk0"));
}

TEST_P(RealmMemoryTest, MemoryThatTheHostTookAway_IsReportedWithItsAddress) {
    ASSERT_TRUE(memory_->convert(pages(0, 4), State::kShared));
    const auto touch = [&] {
        // What a delegated page does: SIGBUS at a guest address.
        for (int fd = 3; fd < 64; ++fd) static_cast<void>(::ftruncate(fd, 4096));
        std::array<std::byte, 8> bytes{};
        static_cast<void>(memory_->read(Ipa{kTestRam + 8192}, bytes));
    };
    EXPECT_EXIT(touch(), ::testing::ExitedWithCode(70),
                "guest memory at 0x80002000 cannot be touched");
}

}  // namespace
}  // namespace rvmm::vmm::cca
