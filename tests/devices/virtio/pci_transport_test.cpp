// A device behind virtio-pci, driven as drivers do it: enumeration, capabilities, registers,
// doorbells and MSI-X.
#include "devices/virtio/pci_transport.hpp"

#include <functional>
#include <thread>

#include <gtest/gtest.h>

#include "devices/pci/pci_guest.hpp"
#include "devices/virtio/driver_queue.hpp"
#include "devices/virtio/echo_device.hpp"

namespace rvmm::devices::virtio {
namespace {

using pci::PciGuest;

constexpr unsigned kSlot = 4;
constexpr std::uint16_t kMsixEnable = 0x8000;

// Fields of the common configuration, by the specification's offsets.
constexpr unsigned kFeatureSelect = 0x00;
constexpr unsigned kFeature = 0x04;
constexpr unsigned kAcceptSelect = 0x08;
constexpr unsigned kAccept = 0x0c;
constexpr unsigned kConfigVector = 0x10;
constexpr unsigned kQueues = 0x12;
constexpr unsigned kState = 0x14;
constexpr unsigned kGeneration = 0x15;
constexpr unsigned kSelect = 0x16;
constexpr unsigned kSize = 0x18;
constexpr unsigned kVector = 0x1a;
constexpr unsigned kEnable = 0x1c;
constexpr unsigned kNotifyOff = 0x1e;
constexpr unsigned kDescriptorArea = 0x20;

struct Structure {
    std::uint64_t address = 0;
    std::uint32_t length = 0;
    std::size_t capability = 0;
};

class VirtioPci : public ::testing::Test {
  protected:
    VirtioPci() {
        auto made = PciTransport::create(loop, memory, wiring, device, guest.host(), kSlot);
        EXPECT_TRUE(made) << made.error().message();
        transport = *std::move(made);
    }
    ~VirtioPci() override {
        bool closed = false;
        transport->frontend().close([&] { closed = true; });
        settle();
        EXPECT_TRUE(closed);
        EXPECT_EQ(wiring.violations(), std::vector<std::string>{});
    }

    void settle() {
        loop.restart();
        while (loop.poll() > 0) {
        }
    }
    void enable_function() { guest.set_command(kSlot, pci::kCommandMemory | pci::kCommandMaster); }
    /// What the vendor capabilities say, by type.
    Structure structure(unsigned type) {
        for (const std::size_t at : guest.capabilities(kSlot, pci::kCapabilityVendor)) {
            if (guest.config<std::uint8_t>(kSlot, at + 3) != type) continue;
            const auto bar = guest.config<std::uint8_t>(kSlot, at + 4);
            return {guest.bar(kSlot, bar) + guest.config<std::uint32_t>(kSlot, at + 8),
                    guest.config<std::uint32_t>(kSlot, at + 12), at};
        }
        ADD_FAILURE() << "no structure " << type;
        return {};
    }
    template <std::unsigned_integral T>
    T get(unsigned field) {
        return guest.load<T>(structure(1).address + field);
    }
    template <std::unsigned_integral T>
    void set(unsigned field, T value) {
        guest.store<T>(structure(1).address + field, value);
    }
    std::uint8_t status() { return get<std::uint8_t>(kState); }
    void add_status(std::uint8_t bit) { set(kState, static_cast<std::uint8_t>(status() | bit)); }
    std::uint64_t bell(unsigned queue) {
        set<std::uint16_t>(kSelect, static_cast<std::uint16_t>(queue));
        const Structure notify = structure(2);
        return notify.address + std::uint64_t{get<std::uint16_t>(kNotifyOff)} *
                                    guest.config<std::uint32_t>(kSlot, notify.capability + 16);
    }
    std::uint64_t table() {
        const std::size_t at = guest.capabilities(kSlot, pci::kCapabilityMsix).at(0);
        const auto where = guest.config<std::uint32_t>(kSlot, at + 4);
        return guest.bar(kSlot, where & 7) + (where & ~7U);
    }
    std::uint64_t pending() {
        const std::size_t at = guest.capabilities(kSlot, pci::kCapabilityMsix).at(0);
        const auto where = guest.config<std::uint32_t>(kSlot, at + 8);
        return guest.load<std::uint64_t>(guest.bar(kSlot, where & 7) + (where & ~7U));
    }
    void set_msix(std::uint16_t control) {
        guest.set_config(kSlot, guest.capabilities(kSlot, pci::kCapabilityMsix).at(0) + 2, control);
    }
    /// Vector i sends i + 100.
    void enable_msix(unsigned vectors) {
        set_msix(kMsixEnable);
        for (unsigned i = 0; i < vectors; ++i) {
            guest.store<std::uint64_t>(table() + 16 * i, 0x0808'0040);
            guest.store<std::uint64_t>(table() + 16 * i + 8, 100 + i);
        }
    }
    static Message message(std::uint32_t vector) {
        return {.address = 0x0808'0040, .data = 100 + vector, .requester = kSlot << 3};
    }
    void negotiate() {
        add_status(kStatusAcknowledge);
        add_status(kStatusDriver);
        for (const std::uint32_t word : {0U, 1U}) {
            set(kFeatureSelect, word);
            set(kAcceptSelect, word);
            set(kAccept, get<std::uint32_t>(kFeature));
        }
        add_status(kStatusFeaturesOk);
        ASSERT_NE(status() & kStatusFeaturesOk, 0);
    }
    /// Queue i's rings lie in page i, and it uses vector i + 1 if there is one.
    void start() {
        negotiate();
        queues.clear();
        for (std::uint16_t i = 0; i < get<std::uint16_t>(kQueues); ++i) {
            std::ranges::fill(memory.at(page(i), kPageSize4K), std::byte{0});
            set(kSelect, i);
            set<std::uint16_t>(kSize, 16);
            set<std::uint16_t>(kVector, static_cast<std::uint16_t>(i + 1));
            EXPECT_EQ(get<std::uint16_t>(kVector), i + 1);
            const QueueSetup& rings = queues.emplace_back(memory, 16, true, true, i).setup();
            unsigned field = kDescriptorArea;
            for (const Ipa area : {rings.descriptors, rings.driver, rings.device}) {
                set(field, static_cast<std::uint32_t>(area.value));
                set(field + 4, static_cast<std::uint32_t>(area.value >> 32));
                field += 8;
            }
            set<std::uint16_t>(kEnable, 1);
        }
        set<std::uint16_t>(kConfigVector, 0);
        add_status(kStatusDriverOk);
        settle();
    }
    void start_with_msix() {
        enable_function();
        enable_msix(3);
        start();
    }
    static std::uint64_t page(std::size_t index) { return TestMemory::kBase + index * kPageSize4K; }
    void offer(unsigned queue, std::uint16_t first, std::string_view text) {
        std::ranges::copy(as_bytes(text), memory.at(page(8), text.size()).begin());
        queues[queue].offer(
            first, {{page(8), static_cast<std::uint32_t>(text.size())}, {page(9), 64, kPartWrite}});
    }
    std::string answer(std::size_t size) {
        const ByteSpan bytes = memory.at(page(9), size);
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
    std::vector<std::uint64_t> bells() const {
        std::vector<std::uint64_t> found;
        for (const auto& [doorbell, event] : wiring.doorbells()) {
            EXPECT_EQ(doorbell.size, 2u);
            EXPECT_EQ(doorbell.value, std::nullopt);
            EXPECT_EQ(event, transport->frontend().doorbell(static_cast<unsigned>(found.size())));
            found.push_back(doorbell.address.value);
        }
        return found;
    }

    asio::io_context loop{1};
    TestMemory memory{16};
    FakeWiring wiring;
    PciGuest guest{wiring};
    std::shared_ptr<EchoDevice> device = std::make_shared<EchoDevice>();
    std::shared_ptr<PciTransport> transport;
    std::vector<DriverQueue> queues;
};

using Messages = std::vector<Message>;
using Bells = std::vector<std::uint64_t>;

TEST_F(VirtioPci, Function_SaysWhatItIs) {
    EXPECT_EQ(guest.config<std::uint32_t>(kSlot, 0), 0x106a'1af4u);
    EXPECT_EQ(guest.config<std::uint32_t>(kSlot, pci::kRevision), 0x00ff'0001u);
    EXPECT_EQ(guest.config<std::uint32_t>(kSlot, pci::kSubsystemVendor), 0x106a'1af4u);
    EXPECT_EQ(guest.size_of_bar(kSlot, 0), 0x4000u);
    EXPECT_EQ(guest.size_of_bar(kSlot, 1), 0x1000u);
    for (unsigned bar = 2; bar < 6; ++bar) EXPECT_EQ(guest.size_of_bar(kSlot, bar), 0u);
    const auto msix = guest.capabilities(kSlot, pci::kCapabilityMsix);
    ASSERT_EQ(msix.size(), 1u);
    EXPECT_EQ(guest.config<std::uint16_t>(kSlot, msix[0] + 2), 2u) << "3 vectors";
    EXPECT_EQ(guest.capabilities(kSlot, pci::kCapabilityVendor).size(), 5u);
    EXPECT_EQ(wiring.messages(), 3u);
}

TEST_F(VirtioPci, Structures_LieApartInOneBar) {
    const std::uint64_t bar = guest.bar(kSlot, 0);
    EXPECT_EQ(structure(1).address, bar);
    EXPECT_EQ(structure(1).length, 0x40u);
    EXPECT_EQ(structure(3).address, bar + 0x1000);
    EXPECT_EQ(structure(3).length, 1u);
    EXPECT_EQ(structure(4).address, bar + 0x2000);
    EXPECT_EQ(structure(4).length, 256u);
    EXPECT_EQ(structure(2).address, bar + 0x3000);
    EXPECT_EQ(structure(2).length, 8u);
    EXPECT_EQ(guest.config<std::uint8_t>(kSlot, structure(2).capability + 2), 20u);
    EXPECT_EQ(guest.config<std::uint32_t>(kSlot, structure(2).capability + 16), 4u);
    EXPECT_EQ(guest.config<std::uint8_t>(kSlot, structure(5).capability + 2), 20u);
}

TEST_F(VirtioPci, Request_IsAnsweredThroughDoorbellAndMessage) {
    start_with_msix();
    EXPECT_EQ(device->starts, 1);
    offer(0, 0, "hello");
    guest.store<std::uint16_t>(bell(0), 0);
    settle();
    EXPECT_EQ(answer(5), "hello");
    EXPECT_EQ(queues[0].used(), (std::vector<DriverQueue::Used>{{0, 5}}));
    EXPECT_EQ(wiring.sent(), Messages{message(1)});
    EXPECT_EQ(guest.load<std::uint8_t>(structure(3).address), 0u) << "ISR";
}

TEST_F(VirtioPci, Notification_WorksWithoutDoorbellsToo) {
    wiring.refuse(true);
    enable_function();  // warns once
    EXPECT_EQ(bells(), Bells{});
    wiring.refuse(false);
    start();
    offer(0, 0, "slow");
    guest.store<std::uint16_t>(bell(0), 0);
    settle();
    EXPECT_EQ(answer(4), "slow");
    guest.move_bar(kSlot, 0, PciGuest::kMemory + 0x8000);
    EXPECT_EQ(bells().size(), 2u) << "the next place is wired again";
    wiring.refuse(true);
    guest.move_bar(kSlot, 0, PciGuest::kMemory + 0xc000);
    guest.store<std::uint16_t>(structure(2).address, 0);
    wiring.refuse(false);
    guest.move_bar(kSlot, 0, PciGuest::kMemory + 0x8000);
    EXPECT_EQ(bells(), (Bells{PciGuest::kMemory + 0xb000, PciGuest::kMemory + 0xb004}));
    guest.set_command(kSlot, 0);
    EXPECT_EQ(bells(), Bells{});
}

TEST_F(VirtioPci, Doorbells_FollowTheBar) {
    EXPECT_EQ(bells(), Bells{});
    enable_function();
    const std::uint64_t first = guest.bar(kSlot, 0);
    EXPECT_EQ(bells(), (Bells{first + 0x3000, first + 0x3004}));
    guest.set_command(kSlot, pci::kCommandMaster);
    EXPECT_EQ(bells(), Bells{});
    guest.move_bar(kSlot, 0, PciGuest::kMemory + 0x2'0000);
    EXPECT_EQ(bells(), Bells{});
    enable_function();
    EXPECT_EQ(bells(), (Bells{PciGuest::kMemory + 0x2'3000, PciGuest::kMemory + 0x2'3004}));
    guest.move_bar(kSlot, 0, UINT32_MAX);  // as when it is sized
    EXPECT_EQ(bells(), Bells{});
    guest.move_bar(kSlot, 0, PciGuest::kMemory + 0x4'0000);
    start();
    offer(0, 0, "moved");
    guest.store<std::uint16_t>(bell(0), 0);
    settle();
    EXPECT_EQ(answer(5), "moved");
}

TEST_F(VirtioPci, BarsOverEachOther_NeverShareADoorbell) {
    auto other = std::make_shared<EchoDevice>();
    auto second = *PciTransport::create(loop, memory, wiring, other, guest.host(), kSlot + 1);
    enable_function();
    guest.set_command(kSlot + 1, pci::kCommandMemory);
    EXPECT_EQ(wiring.doorbells().size(), 4u);
    guest.move_bar(kSlot + 1, 0, guest.bar(kSlot, 0));
    EXPECT_EQ(wiring.doorbells().size(), 2u);
    guest.move_bar(kSlot, 1, guest.bar(kSlot, 0));  // MSI-X over the structures
    EXPECT_EQ(bells().size(), 2u);
    guest.set_command(kSlot, 0);
    EXPECT_EQ(wiring.doorbells().size(), 2u) << "the second one's now";
    second->frontend().close([] {});
}

TEST_F(VirtioPci, CommonConfig_AnswersEachFieldAtItsSizeAlone) {
    enable_function();
    struct Case {
        unsigned field;
        unsigned size;
        std::uint64_t value;
    };
    for (const auto& [field, size, value] : std::initializer_list<Case>{{kFeatureSelect, 4, 0},
                                                                        {kFeature, 4, 0x3000'0001},
                                                                        {kQueues, 2, 2},
                                                                        {kSelect, 2, 0},
                                                                        {kSize, 2, 64},
                                                                        {kVector, 2, 0xffff},
                                                                        {kConfigVector, 2, 0xffff},
                                                                        {kEnable, 2, 0},
                                                                        {kState, 1, 0},
                                                                        {kGeneration, 1, 0},
                                                                        {0x38, 2, 0},
                                                                        {0x3a, 2, 0},
                                                                        {0x3c, 4, 0}}) {
        for (unsigned width = 1; width <= 8; ++width) {
            Bytes data(8, std::byte{0});
            guest.read(structure(1).address + field, MutableByteSpan(data).first(width));
            EXPECT_EQ(load_le<std::uint64_t>(data), width == size ? value : 0)
                << field << ": " << width;
        }
    }
    EXPECT_EQ(get<std::uint32_t>(0x40), 0u);
    EXPECT_EQ(get<std::uint32_t>(0xffc), 0u);
    set<std::uint8_t>(kSelect, 1);  // too narrow, too wide
    set<std::uint32_t>(kSelect, 1);
    EXPECT_EQ(get<std::uint16_t>(kSelect), 0u);
    set(kFeatureSelect, 1U);
    EXPECT_EQ(get<std::uint32_t>(kFeature), 3u);
    set(kFeatureSelect, 2U);
    EXPECT_EQ(get<std::uint32_t>(kFeature), 0u);
}

TEST_F(VirtioPci, QueueAddresses_AreWrittenWholeOrInHalves) {
    enable_function();
    for (unsigned field = kDescriptorArea; field < 0x38; field += 8) {
        set<std::uint64_t>(field, 0x1122'3344'5566'7788);
        EXPECT_EQ(get<std::uint32_t>(field), 0x5566'7788u);
        EXPECT_EQ(get<std::uint32_t>(field + 4), 0x1122'3344u);
        set<std::uint32_t>(field + 4, 5);
        EXPECT_EQ(get<std::uint64_t>(field), 0x5'5566'7788u);
        set<std::uint16_t>(field, 0);
        set<std::uint64_t>(field + 4, 0);  // across two of them
        EXPECT_EQ(get<std::uint64_t>(field), 0x5'5566'7788u);
    }
}

TEST_F(VirtioPci, QueueThatIsNotThere_HasNothing) {
    enable_function();
    for (const std::uint16_t queue : std::initializer_list<std::uint16_t>{2, 64, 0xffff}) {
        set<std::uint16_t>(kSelect, queue);
        set<std::uint16_t>(kVector, 1);
        set<std::uint16_t>(kEnable, 1);
        set<std::uint64_t>(kDescriptorArea, UINT64_MAX);
        EXPECT_EQ(get<std::uint16_t>(kSize), 0u);
        EXPECT_EQ(get<std::uint16_t>(kVector), 0xffffu);
        EXPECT_EQ(get<std::uint16_t>(kEnable), 0u);
        EXPECT_EQ(get<std::uint16_t>(kNotifyOff), 0u);
        EXPECT_EQ(get<std::uint64_t>(kDescriptorArea), 0u);
    }
}

TEST_F(VirtioPci, VectorThatIsNotThere_ReadsAsNone) {
    enable_function();
    for (const unsigned field : {kConfigVector, kVector}) {
        for (const std::uint16_t vector : std::initializer_list<std::uint16_t>{3, 0x7ff, 0xfffe}) {
            set<std::uint16_t>(field, 2);
            EXPECT_EQ(get<std::uint16_t>(field), 2u);
            set<std::uint16_t>(field, vector);
            EXPECT_EQ(get<std::uint16_t>(field), 0xffffu) << vector;
        }
    }
}

TEST_F(VirtioPci, WithoutMsix_TheIsrSaysIt) {
    enable_function();
    start();
    const auto asserted = [&] {
        return (guest.config<std::uint16_t>(kSlot, pci::kStatus) & pci::kStatusInterrupt) != 0;
    };
    EXPECT_FALSE(asserted());
    offer(0, 0, "polled");
    guest.store<std::uint16_t>(bell(0), 0);
    settle();
    device->session().set_config(Bytes(4));
    EXPECT_TRUE(asserted());
    EXPECT_EQ(guest.load<std::uint8_t>(structure(3).address), 3u);
    EXPECT_EQ(guest.load<std::uint8_t>(structure(3).address), 0u) << "reading clears it";
    EXPECT_FALSE(asserted());
    EXPECT_EQ(wiring.sent(), Messages{});
    EXPECT_EQ(pending(), 0u);
}

TEST_F(VirtioPci, MaskedVector_IsPendingAndSentAtUnmask) {
    start_with_msix();
    guest.store<std::uint32_t>(table() + 16 + 12, 1);
    offer(0, 0, "masked");
    guest.store<std::uint16_t>(bell(0), 0);
    settle();
    EXPECT_EQ(pending(), 2u);
    EXPECT_EQ(wiring.sent(), Messages{});
    guest.store<std::uint32_t>(table() + 16 + 12, 0);
    EXPECT_EQ(wiring.sent(), Messages{message(1)});
    EXPECT_EQ(pending(), 0u);
}

TEST_F(VirtioPci, ConfigChange_IsToldThroughItsVector) {
    start_with_msix();
    const auto generation = get<std::uint8_t>(kGeneration);
    device->session().set_config(Bytes(2, std::byte{0x55}));
    EXPECT_NE(get<std::uint8_t>(kGeneration), generation);
    EXPECT_EQ(wiring.sent(), Messages{message(0)});
    EXPECT_EQ(guest.load<std::uint32_t>(structure(4).address), 0x5555u);
    set<std::uint16_t>(kConfigVector, 0xffff);
    device->session().set_config(Bytes(1));
    EXPECT_EQ(wiring.sent(), Messages{});
}

TEST_F(VirtioPci, DeviceConfig_IsReadAtAnyWidthAndWritesGoToTheDevice) {
    start_with_msix();
    const std::uint64_t config = structure(4).address;
    EXPECT_EQ(guest.load<std::uint64_t>(config), 0x09'0807u);
    EXPECT_EQ(guest.load<std::uint16_t>(config + 1), 0x0908u);
    EXPECT_EQ(guest.load<std::uint32_t>(config + 252), 0u);
    EXPECT_EQ(guest.load<std::uint32_t>(config + 0xffc), 0u);
    guest.store<std::uint16_t>(config + 2, 1);
    guest.store<std::uint16_t>(config + 256, 1);
    settle();
    EXPECT_EQ(device->written, (std::vector<std::pair<std::uint64_t, std::size_t>>{{2, 2}}));
}

TEST_F(VirtioPci, Reset_ReadsAsZeroWhenItIsDoneAndUnassignsVectors) {
    start_with_msix();
    device->slow = true;
    offer(1, 0, "kept");
    guest.store<std::uint16_t>(bell(1), 1);
    settle();
    ASSERT_EQ(device->kept.size(), 1u);
    set<std::uint8_t>(kState, 0);
    settle();
    EXPECT_NE(status(), 0) << "I/O is in flight";
    device->finish();
    settle();
    EXPECT_EQ(status(), 0);
    EXPECT_EQ(get<std::uint16_t>(kConfigVector), 0xffffu);
    EXPECT_EQ(get<std::uint16_t>(kVector), 0xffffu);
    EXPECT_EQ(get<std::uint16_t>(kEnable), 0u);
    device->slow = false;
    for (int round = 0; round < 50; ++round) {
        start();
        offer(0, 0, "again");
        guest.store<std::uint16_t>(bell(0), 0);
        settle();
        EXPECT_EQ(wiring.sent(), Messages{message(1)});
        set<std::uint8_t>(kState, 0);
        settle();
        EXPECT_EQ(status(), 0);
    }
    EXPECT_EQ(device->starts, 51);
}

TEST_F(VirtioPci, QueueEnable_IsNotTakenBack) {
    enable_function();
    negotiate();
    set<std::uint16_t>(kEnable, 2);
    EXPECT_EQ(get<std::uint16_t>(kEnable), 0u);
    set<std::uint16_t>(kEnable, 1);
    set<std::uint16_t>(kEnable, 0);
    EXPECT_EQ(get<std::uint16_t>(kEnable), 1u);
}

/// The window in the configuration space onto the BAR.
class VirtioPciWindow : public VirtioPci {
  protected:
    void aim(std::uint8_t bar, std::uint32_t offset, std::uint32_t length) {
        guest.set_config<std::uint8_t>(kSlot, at + 4, bar);
        guest.set_config<std::uint32_t>(kSlot, at + 8, offset);
        guest.set_config<std::uint32_t>(kSlot, at + 12, length);
    }
    const std::size_t at = structure(5).capability;
};

TEST_F(VirtioPciWindow, Access_ReachesTheStructuresWithMemoryDisabled) {
    aim(0, kFeature, 4);
    EXPECT_EQ(guest.config<std::uint32_t>(kSlot, at + 16), 0x3000'0001u);
    aim(0, kState, 1);
    guest.set_config<std::uint32_t>(kSlot, at + 16, 0xffff'ff01);
    EXPECT_EQ(transport->frontend().status(), 1u);
    EXPECT_EQ(guest.config<std::uint8_t>(kSlot, at + 16), 1u);
    aim(0, kSelect, 2);
    guest.set_config<std::uint16_t>(kSlot, at + 16, 1);
    aim(0, kSize, 2);
    EXPECT_EQ(guest.config<std::uint16_t>(kSlot, at + 16), 32u);
    aim(0, 0x2001, 1);
    EXPECT_EQ(guest.config<std::uint8_t>(kSlot, at + 16), 8u);
}

TEST_F(VirtioPciWindow, Notification_GoesThroughItToo) {
    start_with_msix();
    offer(0, 0, "window");
    aim(0, 0x3000, 2);
    guest.set_config<std::uint16_t>(kSlot, at + 16, 0);
    settle();
    EXPECT_EQ(answer(6), "window");
}

TEST_F(VirtioPciWindow, WhatIsNoAccess_ReachesNothing) {
    struct Case {
        std::uint8_t bar;
        std::uint32_t offset;
        std::uint32_t length;
    };
    for (const auto& [bar, offset, length] : std::initializer_list<Case>{{0, kState, 0},
                                                                         {0, kState, 3},
                                                                         {0, kState, 5},
                                                                         {0, kState, 8},
                                                                         {0, kState, UINT32_MAX},
                                                                         {0, kState, 0x8000'0000},
                                                                         {1, 0, 4},
                                                                         {2, 0, 4},
                                                                         {5, 0, 4},
                                                                         {6, 0, 4},
                                                                         {255, 0, 4},
                                                                         {0, 0x4000, 1},
                                                                         {0, 0x3ffe, 4},
                                                                         {0, 0x3fff, 2},
                                                                         {0, UINT32_MAX, 1},
                                                                         {0, 0xffff'fffc, 4},
                                                                         {0, 0xffff'fffe, 4},
                                                                         {0, kFeature + 2, 4},
                                                                         {0, 1, 2}}) {
        aim(bar, offset, length);
        guest.set_config<std::uint32_t>(kSlot, at + 16, 0xa5a5'a5a5);
        EXPECT_EQ(guest.config<std::uint32_t>(kSlot, at + 16), 0xa5a5'a5a5u)
            << bar << " " << offset << " " << length;
        EXPECT_EQ(transport->frontend().status(), 0u);
    }
}

TEST_F(VirtioPciWindow, AnyWidthAndPlace_NeitherCorruptsNorCrashes) {
    const Bytes ones(8, std::byte{0xff});
    std::array<std::byte, 8> out{};
    const auto header = guest.config<std::uint32_t>(kSlot, at);
    for (const std::uint32_t offset : {0U, 4U, 0x14U, 0x1000U, 0x2000U, 0x3000U, 0x3ffcU})
        for (const std::uint32_t length : {1U, 2U, 4U})
            for (std::size_t place = at; place < at + 20; ++place)
                for (std::size_t size = 1; size <= 8; ++size) {
                    aim(0, offset, length);
                    guest.read_config(kSlot, place, MutableByteSpan(out).first(size));
                    guest.write_config(kSlot, place, ByteSpan(ones).first(size));
                    settle();
                }
    EXPECT_EQ(guest.config<std::uint32_t>(kSlot, at), header);
    EXPECT_EQ(guest.config<std::uint16_t>(kSlot, at + 6), 0u) << "padding";
    EXPECT_EQ(guest.config<std::uint8_t>(kSlot, at + 5), 0u) << "id";
}

// vCPUs move BARs, mask vectors and read registers while the loop answers requests.
TEST_F(VirtioPci, ManyThreads_SeeASoundDevice) {
    start_with_msix();
    std::atomic<bool> done{false};
    std::vector<std::jthread> vcpus;
    const auto msix = guest.capabilities(kSlot, pci::kCapabilityMsix).at(0) + 2;
    vcpus.emplace_back([&] {
        for (std::uint32_t i = 0; !done; ++i) {
            guest.move_bar(kSlot, 0, PciGuest::kMemory + 0x2'0000 + 0x4000 * (i % 3));
            guest.set_config<std::uint16_t>(kSlot, msix, i % 4 == 0 ? 0xc000 : 0x8000);
            guest.set_command(kSlot, i % 5 == 0 ? pci::kCommandMaster
                                                : pci::kCommandMaster | pci::kCommandMemory);
        }
    });
    vcpus.emplace_back([&] {
        for (std::uint32_t i = 0; !done; ++i) {
            guest.store<std::uint32_t>(guest.bar(kSlot, 1) + 16 + 12, i % 2);
            guest.store<std::uint16_t>(PciGuest::kMemory + 0x2'3000 + 0x4000 * (i % 3), 0);
            guest.load<std::uint64_t>(PciGuest::kMemory + 0x2'0000 + 4 * (i % 16));
        }
    });
    for (int i = 0; i < 300; ++i) {
        offer(0, static_cast<std::uint16_t>(2 * i % 16), "busy");
        transport->frontend().notify(0);
        settle();
        if (i % 10 == 0) device->session().set_config(Bytes(3));
    }
    done = true;
    vcpus.clear();
    guest.set_config<std::uint16_t>(kSlot, msix, kMsixEnable);
    enable_function();
    guest.store<std::uint32_t>(guest.bar(kSlot, 1) + 16 + 12, 0);
    EXPECT_FALSE(wiring.sent().empty());
    EXPECT_EQ(queues[0].used().size(), 300u);
    const std::uint64_t bar = guest.bar(kSlot, 0);
    EXPECT_EQ(bells(), (Bells{bar + 0x3000, bar + 0x3004}));
}

TEST(VirtioPciCreate, SlotInUseOrWiringThatRefuses_IsAnError) {
    asio::io_context loop(1);
    TestMemory memory(1);
    FakeWiring wiring;
    PciGuest guest(wiring);
    auto device = std::make_shared<EchoDevice>();
    EXPECT_FALSE(PciTransport::create(loop, memory, wiring, device, guest.host(), 0));
    EXPECT_FALSE(PciTransport::create(loop, memory, wiring, device, guest.host(), 32));
    wiring.refuse(true);
    const auto made = PciTransport::create(loop, memory, wiring, device, guest.host(), 1);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().stage(), Stage::kLaunch);
}

}  // namespace
}  // namespace rvmm::devices::virtio
