// A device behind virtio-pci, driven as drivers do it: doorbells, messages, resets.
#include "devices/virtio/pci_transport.hpp"

#include <thread>

#include <gtest/gtest.h>

#include "devices/virtio/pci_bench.hpp"

namespace rvmm::devices::virtio {
namespace {

using pci::PciGuest;

class VirtioPci : public PciBench, public ::testing::Test {};

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
    guest.store<std::uint32_t>(msix_entry(1) + 12, 1);
    offer(0, 0, "masked");
    guest.store<std::uint16_t>(bell(0), 0);
    settle();
    EXPECT_EQ(pending(), 2u);
    EXPECT_EQ(wiring.sent(), Messages{});
    guest.store<std::uint32_t>(msix_entry(1) + 12, 0);
    EXPECT_EQ(wiring.sent(), Messages{message(1)});
    EXPECT_EQ(pending(), 0u);
}

TEST_F(VirtioPci, ConfigChange_IsToldThroughItsVector) {
    start_with_msix();
    const auto generation = get<std::uint8_t>(kCommonGeneration);
    device->session().set_config(Bytes(2, std::byte{0x55}));
    EXPECT_NE(get<std::uint8_t>(kCommonGeneration), generation);
    EXPECT_EQ(wiring.sent(), Messages{message(0)});
    EXPECT_EQ(guest.load<std::uint32_t>(structure(4).address), 0x5555u);
    set<std::uint16_t>(kCommonConfigVector, 0xffff);
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
    set<std::uint8_t>(kCommonStatus, 0);
    settle();
    EXPECT_NE(status(), 0) << "I/O is in flight";
    device->finish();
    settle();
    EXPECT_EQ(status(), 0);
    EXPECT_EQ(get<std::uint16_t>(kCommonConfigVector), 0xffffu);
    EXPECT_EQ(get<std::uint16_t>(kCommonVector), 0xffffu);
    EXPECT_EQ(get<std::uint16_t>(kCommonEnable), 0u);
    device->slow = false;
    for (int round = 0; round < 50; ++round) {
        start();
        offer(0, 0, "again");
        guest.store<std::uint16_t>(bell(0), 0);
        settle();
        EXPECT_EQ(wiring.sent(), Messages{message(1)});
        set<std::uint8_t>(kCommonStatus, 0);
        settle();
        EXPECT_EQ(status(), 0);
    }
    EXPECT_EQ(device->starts, 51);
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
