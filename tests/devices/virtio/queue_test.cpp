// The split queue against a driver that does as the specification says, and against one that does
// not.
#include "devices/virtio/queue.hpp"

#include <functional>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "devices/virtio/driver_queue.hpp"

namespace rvmm::devices::virtio {
namespace {

constexpr std::uint16_t kSize = 8;
constexpr std::uint64_t kData = TestMemory::kBase + kPageSize4K;  // pages 1 to 3
constexpr std::uint64_t kTable = TestMemory::kBase + 3 * kPageSize4K;
constexpr std::size_t kPages = 4;

std::string text_of(const Chain& chain) {
    std::string text(chain.readable_size(), '\0');
    EXPECT_EQ(chain.read(0, std::as_writable_bytes(std::span(text))), text.size());
    return text;
}

class VirtQueue : public ::testing::Test {
  protected:
    void put(std::uint64_t at, std::string_view text) {
        std::ranges::copy(as_bytes(text), memory.at(at, text.size()).begin());
    }
    Queue queue_of(const DriverQueue& of) {
        auto made = Queue::create(memory, "test", of.setup());
        EXPECT_TRUE(made) << made.error().message();
        return *std::move(made);
    }
    static Chain next(Queue::Batch& batch) {
        auto taken = batch.next();
        EXPECT_TRUE(taken && *taken);
        return **std::move(taken);
    }

    TestMemory memory{kPages};
    DriverQueue driver{memory, kSize};
};

TEST_F(VirtQueue, Chain_IsReadAndWrittenInPieces) {
    Queue queue = queue_of(driver);
    put(kData, "hello ");
    put(kData + 100, "world");
    driver.offer(6, {{kData, 6},
                     {(kData + 100) | TestMemory::kSharedBit, 5},
                     {kData + 200, 3, kPartWrite},
                     {kData + 300, 10, kPartWrite}});  // its descriptors go round the table's end
    auto batch = *queue.begin();
    Chain chain = next(batch);
    EXPECT_EQ(queue.in_flight(), 1);
    EXPECT_EQ(chain.readable_size(), 11u);
    EXPECT_EQ(chain.writable_size(), 13u);
    EXPECT_EQ(chain.readable().size(), 2u);
    EXPECT_EQ(chain.writable().size(), 2u);
    EXPECT_EQ(text_of(chain), "hello world");
    std::array<std::byte, 4> some{};
    EXPECT_EQ(chain.read(4, some), 4u);
    EXPECT_EQ(some[2], std::byte{'w'});
    EXPECT_EQ(chain.read(9, some), 2u);
    EXPECT_EQ(chain.read(11, some), 0u);
    EXPECT_EQ(chain.write(1, as_bytes("abcd")), 4u);
    EXPECT_EQ(chain.write(11, as_bytes("xyz")), 2u);
    EXPECT_EQ(memory.at(kData + 201, 1)[0], std::byte{'a'});
    EXPECT_EQ(memory.at(kData + 301, 1)[0], std::byte{'d'});
    EXPECT_EQ(memory.at(kData + 309, 1)[0], std::byte{'y'});
    batch.complete(std::move(chain), 13);
    EXPECT_EQ(driver.used(), (std::vector<DriverQueue::Used>{{6, 13}}));
    EXPECT_EQ(queue.in_flight(), 0);
    EXPECT_FALSE(*batch.next());
}

TEST_F(VirtQueue, Leases_EndWithChainAndBatch) {
    Queue queue = queue_of(driver);
    EXPECT_EQ(memory.leases(), 0u);
    driver.offer(0, {{kData, 6}, {kData + 10, 6, kPartWrite}});
    std::optional<Chain> chain;
    {
        auto batch = *queue.begin();
        chain = next(batch);
        EXPECT_EQ(memory.leases(), 5u);
    }
    EXPECT_EQ(memory.leases(), 2u);
    {
        auto batch = *queue.begin();
        batch.complete(*std::exchange(chain, {}), 0);
        EXPECT_EQ(memory.leases(), 3u);
    }
    EXPECT_EQ(memory.leases(), 0u);
}

TEST_F(VirtQueue, IndirectTable_IsFollowedAfterPlainDescriptors) {
    Queue queue = queue_of(driver);
    put(kData, "direct");
    put(kData + 50, "indirect");
    const std::uint64_t odd = kTable + 1;  // a table may lie anywhere
    driver.indirect(odd, 0, {kData + 50, 8, kPartNext, 2});
    driver.indirect(odd, 1, {0, 0});
    driver.indirect(odd, 2, {kData + 100, 4, kPartWrite});
    driver.descriptor(3, {kData, 6, kPartNext, 5});
    driver.descriptor(5, {odd, 48, kPartIndirect | kPartWrite});  // WRITE says nothing here
    driver.make_available(3);
    auto batch = *queue.begin();
    Chain chain = next(batch);
    EXPECT_EQ(text_of(chain), "directindirect");
    EXPECT_EQ(chain.writable_size(), 4u);
    batch.complete(std::move(chain), 4);
    EXPECT_EQ(driver.used(), (std::vector<DriverQueue::Used>{{3, 4}}));
}

TEST_F(VirtQueue, IndirectTable_MayBeLongerThanTheQueue) {
    Queue queue = queue_of(driver);
    for (std::uint16_t i = 0; i < 100; ++i)
        driver.indirect(kTable, i,
                        {kData + i, 1, static_cast<std::uint16_t>(i < 99 ? kPartNext : 0),
                         static_cast<std::uint16_t>(i + 1)});
    driver.offer(0, {{kTable, 1600, kPartIndirect}});
    auto batch = *queue.begin();
    EXPECT_EQ(next(batch).readable_size(), 100u);
}

TEST_F(VirtQueue, Order_IsTheDevices) {
    Queue queue = queue_of(driver);
    for (std::uint16_t i = 0; i < 3; ++i) driver.offer(i, {{kData + i, 1}});
    auto batch = *queue.begin();
    std::vector<Chain> chains;
    for (int i = 0; i < 3; ++i) chains.push_back(next(batch));
    for (const std::size_t i : {2U, 0U, 1U}) batch.complete(std::move(chains[i]), 0);
    EXPECT_EQ(driver.used(), (std::vector<DriverQueue::Used>{{2, 0}, {0, 0}, {1, 0}}));
}

TEST_F(VirtQueue, Indices_GoRoundMoreThanOnce) {
    Queue queue = queue_of(driver);
    auto batch = *queue.begin();
    for (unsigned i = 0; i < 70'000; ++i) {
        driver.offer(i % kSize, {{kData, 1 + i % 5}});
        Chain chain = next(batch);
        ASSERT_EQ(chain.readable_size(), 1 + i % 5);
        batch.complete(std::move(chain), i);
        ASSERT_EQ(driver.used(), (std::vector<DriverQueue::Used>{{i % kSize, i}}));
    }
}

TEST_F(VirtQueue, EventIndex_AsksForInterruptsWhenItIsPassed) {
    Queue queue = queue_of(driver);
    auto batch = *queue.begin();
    EXPECT_FALSE(batch.wants_interrupt());
    const auto complete_one = [&](std::uint16_t head) {
        driver.offer(head, {{kData, 1}});
        batch.complete(next(batch), 0);
    };
    driver.set_used_event(1);  // when the second is used
    complete_one(0);
    EXPECT_FALSE(batch.wants_interrupt());
    complete_one(1);
    EXPECT_TRUE(batch.wants_interrupt());
    EXPECT_FALSE(batch.wants_interrupt());
    complete_one(2);
    EXPECT_FALSE(batch.wants_interrupt());
    driver.set_used_event(4);
    complete_one(3);
    complete_one(4);
    complete_one(5);
    EXPECT_TRUE(batch.wants_interrupt());
}

TEST_F(VirtQueue, EventIndex_SaysWhenToNotify) {
    Queue queue = queue_of(driver);
    auto batch = *queue.begin();
    driver.offer(0, {{kData, 1}});
    EXPECT_TRUE(batch.rearm());
    batch.complete(next(batch), 0);
    EXPECT_FALSE(batch.rearm());
    EXPECT_EQ(driver.available_event(), 1);
    EXPECT_EQ(driver.device_flags(), 0);
}

TEST_F(VirtQueue, Flags_SuppressBothWays) {
    DriverQueue plain(memory, kSize, true, false);
    Queue queue = queue_of(plain);
    auto batch = *queue.begin();
    batch.disarm();
    EXPECT_EQ(plain.device_flags(), 1);
    plain.set_flags(1);
    plain.offer(0, {{kData, 1}});
    batch.complete(next(batch), 0);
    EXPECT_FALSE(batch.wants_interrupt());
    plain.set_flags(0);
    plain.offer(1, {{kData, 1}});
    EXPECT_TRUE(batch.rearm());
    EXPECT_EQ(plain.device_flags(), 0);
    batch.complete(next(batch), 0);
    EXPECT_TRUE(batch.wants_interrupt());
}

TEST_F(VirtQueue, SetupThatCannotBe_IsRefused) {
    const std::vector<std::function<void(QueueSetup&)>> cases = {
        [](QueueSetup& s) { s.size = 0; },
        [](QueueSetup& s) { s.size = 6; },
        [](QueueSetup& s) { s.size = 65535; },
        [](QueueSetup& s) { s.descriptors.value += 8; },
        [](QueueSetup& s) { s.driver.value += 1; },
        [](QueueSetup& s) { s.device.value += 2; },
        [](QueueSetup& s) { s.descriptors = Ipa{0}; },
        [](QueueSetup& s) { s.driver = Ipa{TestMemory::kBase + kPages * kPageSize4K - 16}; },
        [](QueueSetup& s) { s.device = Ipa{UINT64_MAX - 3}; },
    };
    for (std::size_t i = 0; i < cases.size(); ++i) {
        QueueSetup setup = driver.setup();
        cases[i](setup);
        const auto queue = Queue::create(memory, "test", setup);
        ASSERT_FALSE(queue) << i;
        EXPECT_EQ(queue.error().stage(), Stage::kGuest);
    }
    EXPECT_EQ(memory.leases(), 0u);
}

struct Broken {
    const char* name;
    std::function<void(TestMemory&, DriverQueue&)> drive;
    const char* says;
};

TEST_F(VirtQueue, PutBack_LeavesTheChainsToBeTakenAgain) {
    Queue queue = queue_of(driver);
    driver.offer(0, {{kData, 1}});
    driver.offer(1, {{kData, 2}});
    driver.offer(2, {{kData, 3}});
    auto batch = *queue.begin();
    Chain first = next(batch);
    Chain second = next(batch);
    Chain third = next(batch);
    batch.complete(std::move(first), 0);
    batch.put_back(std::move(third));
    batch.put_back(std::move(second));
    EXPECT_EQ(queue.in_flight(), 0);
    EXPECT_TRUE(batch.rearm()) << "there is something to take";
    EXPECT_EQ(next(batch).readable_size(), 2u);
    EXPECT_EQ(next(batch).readable_size(), 3u);
    EXPECT_FALSE(*batch.next());
    EXPECT_FALSE(queue.broken());
}

TEST_F(VirtQueue, Fill_IsSeenWithTheNextCompletion) {
    Queue queue = queue_of(driver);
    driver.offer(0, {{kData, 10, kPartWrite}});
    driver.offer(1, {{kData, 10, kPartWrite}});
    auto batch = *queue.begin();
    Chain first = next(batch);
    Chain second = next(batch);
    batch.fill(std::move(first), 10);
    EXPECT_TRUE(driver.used().empty());
    batch.complete(std::move(second), 4);
    EXPECT_EQ(driver.used(), (std::vector<DriverQueue::Used>{{0, 10}, {1, 4}}));
}

TEST_F(VirtQueue, WhatADriverMustNotDo_BreaksTheQueue) {
    using D = DriverQueue;
    using M = TestMemory;
    const std::vector<Broken> cases = {
        {"above RAM", [](M&, D& d) { d.offer(0, {{M::kBase + kPages * kPageSize4K, 1}}); },
         "no RAM"},
        {"over the end of RAM",
         [](M&, D& d) { d.offer(0, {{M::kBase + kPages * kPageSize4K - 1, 2}}); }, "no RAM"},
        {"wrapping", [](M&, D& d) { d.offer(0, {{UINT64_MAX - 1, 4}}); }, "no RAM"},
        {"more bits than the shared one", [](M&, D& d) { d.offer(0, {{kData | 1ULL << 40, 4}}); },
         "no RAM"},
        {"private",
         [](M& m, D& d) {
             m.make_private(2);
             d.offer(0, {{M::kBase + 2 * kPageSize4K - 1, 2}});
         },
         "private"},
        {"no bytes", [](M&, D& d) { d.offer(0, {{kData, 0}}); }, "no bytes"},
        {"4 GiB", [](M&, D& d) { d.offer(0, {{kData, UINT32_MAX}}); }, "chain of 4294967295"},
        {"too much in sum",
         [](M&, D& d) { d.offer(0, {{kData, 4096}, {kData, Queue::kMaxBytes}}); },
         "chain of 67112960"},
        {"a loop",
         [](M&, D& d) {
             d.descriptor(1, {kData, 1, kPartNext, 1});
             d.make_available(1);
         },
         "does not end"},
        {"a loop of two",
         [](M&, D& d) {
             d.descriptor(1, {kData, 1, kPartNext, 2});
             d.descriptor(2, {kData, 1, kPartNext, 1});
             d.make_available(1);
         },
         "does not end"},
        {"head past the table", [](M&, D& d) { d.make_available(kSize); }, "descriptor 8 of"},
        {"next past the table",
         [](M&, D& d) {
             d.descriptor(0, {kData, 1, kPartNext, 500});
             d.make_available(0);
         },
         "descriptor 500 of"},
        {"reading after writing",
         [](M&, D& d) { d.offer(0, {{kData, 1, kPartWrite}, {kData, 1}}); },
         "follows one to write"},
        {"index backwards", [](M&, D& d) { d.set_available_index(UINT16_MAX); },
         "index went from 0 to 65535"},
        {"more than there are", [](M&, D& d) { d.set_available_index(kSize + 1); },
         "index went from 0 to 9"},
        {"indirect in indirect",
         [](M&, D& d) {
             d.indirect(kTable, 0, {kTable, 16, kPartIndirect});
             d.offer(0, {{kTable, 16, kPartIndirect}});
         },
         "in an indirect table"},
        {"indirect loop",
         [](M&, D& d) {
             d.indirect(kTable, 0, {kData, 1, kPartNext, 0});
             d.offer(0, {{kTable, 32, kPartIndirect}});
         },
         "does not end"},
        {"indirect past its end",
         [](M&, D& d) {
             d.indirect(kTable, 0, {kData, 1, kPartNext, 2});
             d.offer(0, {{kTable, 32, kPartIndirect}});
         },
         "descriptor 2 of an indirect table of 2"},
        {"indirect of no entries", [](M&, D& d) { d.offer(0, {{kTable, 0, kPartIndirect}}); },
         "table of 0 bytes"},
        {"indirect of half an entry", [](M&, D& d) { d.offer(0, {{kTable, 24, kPartIndirect}}); },
         "table of 24 bytes"},
        {"indirect of 4 GiB", [](M&, D& d) { d.offer(0, {{kTable, 0xffff'fff0, kPartIndirect}}); },
         "table of 4294967280 bytes"},
        {"indirect and more",
         [](M&, D& d) {
             d.descriptor(0, {kTable, 16, kPartIndirect | kPartNext, 1});
             d.make_available(0);
         },
         "both INDIRECT and NEXT"},
        {"indirect table in private memory",
         [](M& m, D& d) {
             m.make_private(3);
             d.offer(0, {{kTable, 16, kPartIndirect}});
         },
         "private"},
    };
    for (const Broken& broken : cases) {
        TestMemory fresh(kPages);
        DriverQueue bad(fresh, kSize);
        auto queue = *Queue::create(fresh, "test", bad.setup());
        broken.drive(fresh, bad);
        {
            auto batch = *queue.begin();
            const auto chain = batch.next();
            ASSERT_FALSE(chain) << broken.name;
            EXPECT_EQ(chain.error().stage(), Stage::kGuest) << broken.name;
            const std::string message = chain.error().message();
            EXPECT_NE(message.find(broken.says), message.npos) << broken.name << ": " << message;
            EXPECT_NE(message.find("test: broken queue"), message.npos) << message;
            // Once broken it gives nothing more, whatever the driver does.
            bad.offer(0, {{kData, 1}});
            EXPECT_FALSE(*batch.next()) << broken.name;
        }
        EXPECT_TRUE(queue.broken());
        EXPECT_FALSE(queue.begin());
        EXPECT_EQ(fresh.leases(), 0u) << broken.name;
        EXPECT_LE(fresh.most_leases(), 3u + kSize) << broken.name;  // the rings, and a chain
    }
}

TEST_F(VirtQueue, IndirectWithoutNegotiation_Breaks) {
    DriverQueue plain(memory, kSize, false);
    Queue queue = queue_of(plain);
    plain.indirect(kTable, 0, {kData, 1});
    plain.offer(0, {{kTable, 16, kPartIndirect}});
    auto batch = *queue.begin();
    EXPECT_FALSE(batch.next());
}

TEST_F(VirtQueue, HeadsBeyondThoseInUse_Break) {
    Queue queue = queue_of(driver);
    auto batch = *queue.begin();
    std::vector<Chain> held;
    for (std::uint16_t i = 0; i < kSize; ++i) {
        driver.offer(i, {{kData, 1}});
        held.push_back(next(batch));
    }
    driver.offer(0, {{kData, 1}});
    EXPECT_FALSE(batch.next());
    EXPECT_EQ(queue.in_flight(), kSize);
}

TEST_F(VirtQueue, RingsThatTurnPrivate_BreakAtTheNextBatch) {
    Queue queue = queue_of(driver);
    memory.make_private(0);
    EXPECT_FALSE(queue.begin());
    EXPECT_TRUE(queue.broken());
    EXPECT_EQ(memory.leases(), 0u);
}

// Any chains of any shape come out as they went in.
TEST_F(VirtQueue, AnyChains_ComeOutAsTheyWentIn) {
    std::mt19937 random(20261128);
    const auto below = [&](std::uint32_t limit) {
        return static_cast<std::uint32_t>(random() % limit);
    };
    Queue queue = queue_of(driver);
    std::uint16_t first = 0;
    for (int round = 0; round < 2000; ++round) {
        std::vector<Part> parts(1 + below(kSize));
        std::string sent;
        std::uint64_t writable = 0;
        const std::size_t readable = below(static_cast<std::uint32_t>(parts.size()) + 1);
        for (std::size_t i = 0; i < parts.size(); ++i) {
            parts[i] = {kData + 400 * i, 1 + below(400)};
            if (i >= readable) parts[i].flags = kPartWrite, writable += parts[i].length;
            if (i < readable) {
                const std::string text(parts[i].length, static_cast<char>('a' + below(26)));
                put(parts[i].address, text);
                sent += text;
            }
        }
        driver.offer(first, parts);
        auto batch = *queue.begin();
        Chain chain = next(batch);
        ASSERT_EQ(text_of(chain), sent);
        ASSERT_EQ(chain.writable_size(), writable);
        const std::string answer(writable, static_cast<char>('A' + below(26)));
        ASSERT_EQ(chain.write(0, as_bytes(answer)), writable);
        for (std::size_t i = readable; i < parts.size(); ++i)
            for (const std::byte byte : memory.at(parts[i].address, parts[i].length))
                ASSERT_EQ(static_cast<char>(byte), answer[0]);
        batch.complete(std::move(chain), static_cast<std::uint32_t>(writable));
        ASSERT_EQ(driver.used(),
                  (std::vector<DriverQueue::Used>{{first, static_cast<std::uint32_t>(writable)}}));
        first = static_cast<std::uint16_t>((first + parts.size()) % kSize);
    }
    EXPECT_EQ(memory.leases(), 0u);
}

}  // namespace
}  // namespace rvmm::devices::virtio
