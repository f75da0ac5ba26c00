#include "vmm/memory/split_memory.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <fstream>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

namespace rvmm::vmm {
namespace {

using realm::Ripas;

constexpr Ipa kBase{0x8000'0000};
constexpr std::uint64_t kSharedBit = 1ULL << 39;
constexpr std::uint64_t kPage = 4096;

std::size_t mappings_of_this_process() {
    std::ifstream maps("/proc/self/maps");
    return static_cast<std::size_t>(std::count(std::istreambuf_iterator<char>(maps), {}, '\n'));
}

class Split : public ::testing::Test {
  protected:
    void make(std::uint64_t size, std::size_t limit, std::uint64_t host_page = kPage,
              std::chrono::milliseconds patience = LeaseTable::kPatience) {
        auto made = SplitMemory::create(*IpaRange::make(kBase, size), kSharedBit,
                                        {limit, host_page, patience});
        ASSERT_TRUE(made) << made.error().message();
        memory = std::move(*made);
        const auto slots = memory->slots();
        trusted = static_cast<std::byte*>(slots[0].host);
        open = static_cast<std::byte*>(slots[1].host);
    }
    IpaRange pages(std::uint64_t first, std::uint64_t count) const {
        return *IpaRange::make(kBase + first * kPage, count * kPage);
    }
    void convert(std::uint64_t first, std::uint64_t count, Ripas to) {
        const auto done = memory->convert(pages(first, count), to);
        ASSERT_TRUE(done) << done.error().message();
    }
    std::unique_ptr<SplitMemory> memory;
    std::byte* trusted = nullptr;  // what the guest sees at the plain address
    std::byte* open = nullptr;     // what it sees at the alias
};

TEST_F(Split, PrivateContent_NeverShowsOnTheSharedSide) {
    make(16 * kPage, 100);
    trusted[kPage] = std::byte{0x5a};
    convert(1, 1, Ripas::kEmpty);
    EXPECT_EQ(open[kPage], std::byte{0});
    EXPECT_EQ(trusted[kPage], std::byte{0}) << "the plain address shows the shared page";
    open[kPage] = std::byte{0x77};
    EXPECT_EQ(trusted[kPage], std::byte{0x77}) << "as the kernel needs it for ITS tables";
    convert(1, 1, Ripas::kRam);
    EXPECT_EQ(trusted[kPage], std::byte{0});
    convert(1, 1, Ripas::kEmpty);
    EXPECT_EQ(open[kPage], std::byte{0});
}

TEST_F(Split, SameState_ChangesNothing) {
    make(16 * kPage, 100);
    trusted[0] = std::byte{1};
    convert(0, 16, Ripas::kRam);
    EXPECT_EQ(trusted[0], std::byte{1});
    convert(0, 4, Ripas::kEmpty);
    open[kPage] = std::byte{2};
    convert(1, 1, Ripas::kEmpty);
    EXPECT_EQ(open[kPage], std::byte{2});
    EXPECT_EQ(memory->counters().conversions, 1u);
    EXPECT_EQ(memory->counters().converted_bytes, 4 * kPage);
}

TEST_F(Split, Views_ReachOnlyTheirHalf) {
    make(16 * kPage, 100);
    convert(2, 2, Ripas::kEmpty);
    std::array<std::byte, 8> data{};
    auto& shared = memory->shared();
    auto& trusted_view = memory->trusted();
    EXPECT_TRUE(shared.read(kBase + 2 * kPage, data));
    EXPECT_TRUE(shared.write(Ipa{(kBase + 3 * kPage).value | kSharedBit}, data));
    for (const Ipa bad :
         {kBase, kBase + 4 * kPage, kBase + (4 * kPage - 4), kBase + (2 * kPage - 4),
          kBase + 16 * kPage, kBase + (16 * kPage - 4), Ipa{UINT64_MAX - 3}, Ipa{0}}) {
        const auto read = shared.read(bad, data);
        ASSERT_FALSE(read) << std::hex << bad.value;
        EXPECT_EQ(read.error().stage(), Stage::kGuest);
        EXPECT_FALSE(shared.write(bad, data));
    }
    EXPECT_TRUE(trusted_view.read(kBase, data));
    EXPECT_FALSE(trusted_view.read(kBase + 2 * kPage, data));
    EXPECT_FALSE(trusted_view.write(kBase + (2 * kPage - 4), data));
    EXPECT_FALSE(trusted_view.read(Ipa{kBase.value | kSharedBit}, data));
    EXPECT_GT(memory->counters().refused_accesses, 0u);
}

TEST_F(Split, Load_OnlyBeforeTheSeal) {
    make(16 * kPage, 100);
    const Bytes page(kPage, std::byte{9});
    EXPECT_TRUE(memory->load(kBase, page));
    EXPECT_EQ(trusted[10], std::byte{9});
    EXPECT_FALSE(memory->load(kBase + 16 * kPage, page));
    memory->seal();
    const auto late = memory->load(kBase, page);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().stage(), Stage::kInternal);
}

TEST_F(Split, AlternatePages_StayWithinTheMappingBound) {
    constexpr std::uint64_t kPages = (512ULL << 20) / kPage;
    make(kPages * kPage, SplitMemory::default_run_limit());
    const std::size_t before = mappings_of_this_process();
    for (std::uint64_t i = 0; i < 20'000; ++i) {
        trusted[2 * i * kPage] = std::byte{0x11};
        convert(2 * i, 1, Ripas::kEmpty);
        ASSERT_EQ(open[2 * i * kPage], std::byte{0});
        ASSERT_EQ(trusted[2 * i * kPage], std::byte{0});
        open[2 * i * kPage] = std::byte{0x22};
    }
    EXPECT_LE(mappings_of_this_process() - before, 2 * SplitMemory::default_run_limit() + 16);
    EXPECT_EQ(memory->counters().mapped_runs, SplitMemory::default_run_limit());
    for (std::uint64_t i = 0; i < 20'000; ++i) {
        convert(2 * i, 1, Ripas::kRam);
        ASSERT_EQ(trusted[2 * i * kPage], std::byte{0});
    }
    EXPECT_EQ(memory->counters().mapped_runs, 0u);
    EXPECT_LE(mappings_of_this_process(), before + 16);
}

TEST_F(Split, ManyHolesInOneBigRun_StayWithinTheBound) {
    constexpr std::uint64_t kPages = 4096;
    make(kPages * kPage, 64);
    convert(0, kPages, Ripas::kEmpty);
    for (std::uint64_t i = 0; i < kPages; i += 2) {
        convert(i, 1, Ripas::kRam);
        ASSERT_LE(memory->counters().mapped_runs, 64u);
        ASSERT_EQ(trusted[i * kPage], std::byte{0});
    }
    EXPECT_GT(memory->counters().mapped_runs, 0u);
}

TEST_F(Split, WholeMemory_HundredTimes) {
    make(64ULL << 20, 1000);
    for (int round = 0; round < 100; ++round) {
        trusted[12345] = std::byte{0x33};
        convert(0, (64ULL << 20) / kPage, Ripas::kEmpty);
        ASSERT_EQ(open[12345], std::byte{0});
        open[54321] = std::byte{0x44};
        convert(0, (64ULL << 20) / kPage, Ripas::kRam);
        ASSERT_EQ(trusted[54321], std::byte{0});
    }
    EXPECT_EQ(memory->counters().conversions, 200u);
}

// On a host with larger pages, and with room for few mappings: the same as on any other.
struct Host {
    std::uint64_t page;
    std::size_t limit;
};
class SplitModel : public Split, public ::testing::WithParamInterface<Host> {
  protected:
    static constexpr std::uint64_t kPages = 128;

    /// Gives each page, on both sides of it, something of its own.
    void fill() {
        for (std::uint64_t i = 0; i < kPages; ++i)
            (shared[i] ? open : trusted)[i * kPage + i] = mark(i, shared[i]);
    }
    static std::byte mark(std::uint64_t page, bool shared) {
        return static_cast<std::byte>(shared ? 0x80 + page : 1 + page % 0x7f);
    }
    /// What lies in a whole host page of shared pages is seen by the plain address, if anything is.
    bool may_be_shown(std::uint64_t page) const {
        const std::uint64_t count = GetParam().page / kPage;
        const std::uint64_t first = page / count * count;
        return std::all_of(&shared[first], &shared[first] + count, [](bool s) { return s; });
    }
    static bool is_zero(const std::byte* page) {
        static constexpr std::array<std::byte, kPage> kZeros{};
        return std::memcmp(page, kZeros.data(), kPage) == 0;
    }
    std::array<bool, kPages> shared{};
};

INSTANTIATE_TEST_SUITE_P(Hosts, SplitModel,
                         ::testing::Values(Host{4096, 0}, Host{4096, 1}, Host{4096, 3},
                                           Host{4096, 100}, Host{16384, 0}, Host{16384, 2},
                                           Host{16384, 100}, Host{65536, 1}, Host{65536, 100}),
                         [](const auto& host) {
                             return std::to_string(host.param.page / 1024) + "K_" +
                                    std::to_string(host.param.limit);
                         });

// Any sequence of conversions gives the same as a table with one entry a page, and no page shows
// what the other side had.
TEST_P(SplitModel, RandomConversions_MatchAPagewiseModel) {
    std::mt19937 random(20261120);
    make(kPages * kPage, GetParam().limit, GetParam().page);
    for (int step = 0; step < 400; ++step) {
        const std::uint64_t first = random() % kPages;
        const std::uint64_t most =
            step % 3 == 0 ? kPages - first : std::min(kPages - first, std::uint64_t{9});
        const std::uint64_t count = 1 + random() % most;
        const bool share = random() % 2 == 0;
        fill();
        convert(first, count, share ? Ripas::kEmpty : Ripas::kRam);
        for (std::uint64_t i = 0; i < kPages; ++i) {
            const bool asked = i >= first && i < first + count;
            const bool changed = asked && shared[i] != share;
            if (asked) shared[i] = share;
            const std::byte* side = (shared[i] ? open : trusted) + i * kPage;
            if (changed) {
                ASSERT_TRUE(is_zero(side)) << "page " << i << " step " << step;
            } else {
                ASSERT_EQ(side[i], mark(i, shared[i])) << "page " << i << " step " << step;
            }
        }
        for (std::uint64_t i = 0; i < kPages; ++i) {
            if (!shared[i]) continue;
            const bool shown = may_be_shown(i) && GetParam().limit == 100;
            const bool same = std::memcmp(open + i * kPage, trusted + i * kPage, kPage) == 0;
            ASSERT_TRUE(shown ? same : same || is_zero(trusted + i * kPage))
                << "page " << i << " step " << step;
        }
        ASSERT_LE(memory->counters().mapped_runs, GetParam().limit);
    }
}

// One host page, page by page there and back: it is shown exactly while it is shared as a whole.
TEST_F(Split, PartsOfAHostPage_AreShownOnlyTogether) {
    make(16 * kPage, 100, 4 * kPage);
    for (const std::uint64_t page : {6u, 4u, 7u, 5u}) {
        EXPECT_EQ(memory->counters().mapped_runs, 0u);
        trusted[page * kPage] = std::byte{0x5a};
        convert(page, 1, Ripas::kEmpty);
        EXPECT_EQ(trusted[page * kPage], std::byte{0});
        open[page * kPage] = std::byte{0x77};
    }
    EXPECT_EQ(memory->counters().mapped_runs, 1u);
    for (const std::uint64_t page : {4u, 5u, 6u, 7u})
        EXPECT_EQ(trusted[page * kPage], std::byte{0x77});
    convert(5, 1, Ripas::kRam);
    EXPECT_EQ(memory->counters().mapped_runs, 0u);
    for (const std::uint64_t page : {4u, 5u, 6u, 7u}) {
        EXPECT_EQ(trusted[page * kPage], std::byte{0});
        EXPECT_EQ(open[page * kPage], std::byte{page == 5 ? std::uint8_t{0} : std::uint8_t{0x77}});
    }
    convert(5, 1, Ripas::kEmpty);
    EXPECT_EQ(memory->counters().mapped_runs, 1u);
    EXPECT_EQ(trusted[4 * kPage], std::byte{0x77});
}

// What a guest writes where hardware would not let it is gone when the page is private again.
TEST_F(Split, StrayWrites_DoNotSurviveOnLargePages) {
    make(16 * kPage, 100, 4 * kPage);
    convert(1, 2, Ripas::kEmpty);
    trusted[kPage] = std::byte{0x66};  // EMPTY, not shown
    trusted[3 * kPage] = std::byte{0x33};
    convert(1, 1, Ripas::kRam);
    EXPECT_EQ(trusted[kPage], std::byte{0});
    EXPECT_EQ(trusted[3 * kPage], std::byte{0x33}) << "a private neighbour keeps its content";
}

TEST_F(Split, RamOfPartsOfHostPages_IsRefused) {
    EXPECT_FALSE(SplitMemory::create(*IpaRange::make(kBase, 3 * kPage), kSharedBit,
                                     {.run_limit = 1, .host_page = 4 * kPage}));
}

TEST_F(Split, Lease_IsTheSharedPageItself) {
    make(16 * kPage, 100);
    convert(2, 2, Ripas::kEmpty);
    auto& view = memory->shared();
    for (const std::uint64_t bit : {std::uint64_t{0}, kSharedBit}) {
        const auto lease = view.lease(Ipa{(kBase + (3 * kPage - 8)).value | bit}, 16,
                                      devices::Access::kWrite, "disk0");
        ASSERT_TRUE(lease);
        EXPECT_EQ(lease->bytes().data(), open + 3 * kPage - 8);
        EXPECT_EQ(lease->bytes().size(), 16u);
    }
    for (const Ipa bad :
         {kBase, kBase + (4 * kPage - 8), kBase + 16 * kPage, Ipa{UINT64_MAX - 3}}) {
        const auto lease = view.lease(bad, 16, devices::Access::kRead, "disk0");
        ASSERT_FALSE(lease) << std::hex << bad.value;
        EXPECT_EQ(lease.error().stage(), Stage::kGuest);
    }
}

TEST_F(Split, ConversionToPrivate_WaitsForTheLease) {
    make(16 * kPage, 100);
    convert(0, 4, Ripas::kEmpty);
    auto& view = memory->shared();
    auto lease = view.lease(kBase + kPage, kPage, devices::Access::kWrite, "disk0");
    ASSERT_TRUE(lease);
    std::thread vcpu([&] { convert(1, 1, Ripas::kRam); });
    std::array<std::byte, 8> data{std::byte{5}};
    // Refused as soon as the conversion waits; meanwhile everything else goes on.
    while (view.lease(kBase + kPage, 8, devices::Access::kRead, "net0")) std::this_thread::yield();
    EXPECT_TRUE(view.lease(kBase, 8, devices::Access::kRead, "net0"));
    EXPECT_TRUE(view.write(kBase + 2 * kPage, data));
    EXPECT_TRUE(memory->convert(pages(8, 1), Ripas::kEmpty));
    lease->bytes()[0] = std::byte{9};
    *lease = devices::Lease();
    vcpu.join();
    EXPECT_EQ(trusted[kPage], std::byte{0});
    EXPECT_FALSE(view.lease(kBase + kPage, 8, devices::Access::kRead, "net0"));
    EXPECT_FALSE(view.write(kBase + kPage, data));
}

TEST_F(Split, LeaseThatStays_FailsTheConversionAlone) {
    make(16 * kPage, 100, kPage, std::chrono::milliseconds(20));
    convert(0, 4, Ripas::kEmpty);
    auto lease = memory->shared().lease(kBase + kPage, 8, devices::Access::kRead, "disk0");
    ASSERT_TRUE(lease);
    const auto done = memory->convert(pages(0, 4), Ripas::kRam);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().stage(), Stage::kLaunch);
    EXPECT_NE(done.error().message().find("disk0"), std::string::npos);
    EXPECT_EQ(memory->counters().conversions, 1u) << "nothing was converted";
    convert(2, 2, Ripas::kRam);
    *lease = devices::Lease();
    convert(0, 4, Ripas::kRam);
}

// vCPUs that convert and devices that lease, on large host pages: what a device writes is never
// seen by the plain address of a page that is private by then.
TEST_F(Split, VcpusAndDevices_AtOnce) {
    make(64 * kPage, 4, 4 * kPage);
    std::atomic<bool> running = true;
    std::atomic<std::uint64_t> leased = 0;
    std::vector<std::thread> threads;
    for (std::uint64_t page = 0; page < 2; ++page)
        threads.emplace_back([&, page] {
            while (running) {
                const auto lease = memory->shared().lease(
                    kBase + (page * 32 + 5) * kPage, 2 * kPage, devices::Access::kWrite, "disk0");
                if (!lease) continue;
                std::ranges::fill(lease->bytes(), std::byte{0xdd});
                ++leased;
            }
        });
    std::vector<std::thread> vcpus;
    for (std::uint64_t half = 0; half < 2; ++half)
        vcpus.emplace_back([&, half] {
            std::mt19937_64 random(half);
            for (int round = 0; round < 500 || leased < 10; ++round) {
                const std::uint64_t first = half * 32 + random() % 6;
                const std::uint64_t count = 1 + random() % 8;
                convert(first, count, Ripas::kEmpty);
                convert(first, count, Ripas::kRam);
                for (std::uint64_t i = first; i < first + count; ++i)
                    for (const std::byte b : std::span(trusted + i * kPage, 16))
                        ASSERT_EQ(b, std::byte{0});
            }
        });
    for (std::thread& vcpu : vcpus) vcpu.join();
    running = false;
    for (std::thread& thread : threads) thread.join();
}

TEST_F(Split, Conversion_OutsideRamIsRefused) {
    make(16 * kPage, 100);
    EXPECT_FALSE(memory->convert(pages(15, 2), Ripas::kEmpty));
    EXPECT_FALSE(memory->convert(*IpaRange::make(kBase + 1, kPage), Ripas::kEmpty));
}

TEST_F(Split, MemoryThatTheHostTookAway_IsReportedWithItsAddress) {
    make(16 * kPage, 100);
    convert(1, 2, Ripas::kEmpty);
    const auto take_away = [] {
        for (int fd = 3; fd < 64; ++fd) static_cast<void>(::ftruncate(fd, 0));
    };
    std::array<std::byte, 8> bytes{};
    EXPECT_EXIT((take_away(),
                 static_cast<void>(memory->shared().read(Ipa{kBase.value + 2 * kPage}, bytes))),
                ::testing::ExitedWithCode(70), "guest memory at 0x8080002000 cannot be touched");
    EXPECT_EXIT((take_away(), static_cast<void>(memory->trusted().read(kBase, bytes))),
                ::testing::ExitedWithCode(70), "guest memory at 0x80000000 cannot be touched");
}

}  // namespace
}  // namespace rvmm::vmm
