// Doorbells and interrupts as KVM is told of them.
#include "vmm/machine/kvm_wiring.hpp"

#include <gtest/gtest.h>

#include "base/event.hpp"
#include "fake_kvm/fake_kvm.hpp"

namespace rvmm::vmm {
namespace {

constexpr std::uint64_t kSharedBit = 1ULL << 39;

class KvmWiringTest : public ::testing::Test {
  protected:
    KvmWiringTest() {
        auto system = kvm::System::open(fake);
        vm = std::make_unique<kvm::Vm>(*system->create_vm(40));
        const auto cpu = vm->create_vcpu(0);
        EXPECT_TRUE(vm->create_gic({.distributor = Ipa{0x3fff'0000},
                                    .redistributors = Ipa{0x3ffd'0000},
                                    .redistributor_count = 1,
                                    .its = Ipa{0x3ffb'0000},
                                    .interrupt_count = 96}));
    }
    fake::Wiring& seen() { return fake.vm().wiring; }

    FakeKvm fake;
    std::unique_ptr<kvm::Vm> vm;
    Event event = *Event::create("test");
    Event other = *Event::create("test");
};

TEST_F(KvmWiringTest, Doorbell_IsAtTheAddressThatTheGuestTouches) {
    KvmWiring wiring(*vm, {.shared_bit = kSharedBit, .alias = kSharedBit});
    const devices::Doorbell bell = {.address = Ipa{0x300'0050}, .size = 4, .value = 1};
    ASSERT_TRUE(wiring.add_doorbell(bell, event.fd()));
    EXPECT_FALSE(seen().ring(0x300'0050, 4, 1));
    EXPECT_FALSE(seen().ring(0x300'0050 | kSharedBit, 4, 0));
    EXPECT_FALSE(event.take());
    EXPECT_TRUE(seen().ring(0x300'0050 | kSharedBit, 4, 1));
    EXPECT_TRUE(event.take());
    ASSERT_TRUE(wiring.remove_doorbell(bell, event.fd()));
    EXPECT_TRUE(seen().doorbells().empty());
}

TEST_F(KvmWiringTest, Doorbell_OfARealHostIsPlain) {
    KvmWiring wiring(*vm, {.shared_bit = kSharedBit, .alias = 0});
    ASSERT_TRUE(wiring.add_doorbell({.address = Ipa{0x5000'0000}, .size = 2}, event.fd()));
    EXPECT_TRUE(seen().ring(0x5000'0000, 2, 77));
}

TEST_F(KvmWiringTest, Refusal_IsAnErrorWithTheAddress) {
    KvmWiring wiring(*vm, {});
    fake.fail_request(KVM_IOEVENTFD, 0, ENOSPC);
    const auto added = wiring.add_doorbell({.address = Ipa{0x5000'0000}, .size = 2}, event.fd());
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().message(),
              "KVM takes no doorbell of 2 bytes at 0x50000000: No space left on device");
}

TEST_F(KvmWiringTest, Messages_AreRoutedWithTheAliasBesideTheSpis) {
    KvmWiring wiring(*vm, {.shared_bit = kSharedBit, .alias = kSharedBit});
    ASSERT_TRUE(wiring.connect_spi(16, event.fd()));
    EXPECT_TRUE(seen().routes().empty()) << "KVM's own routes serve";
    const auto number = wiring.connect_message(other.fd());
    ASSERT_TRUE(number);
    EXPECT_TRUE(seen().routes().empty());
    const devices::Message message = {.address = 0x3ffb'0040, .data = 5, .requester = 0x18};
    // Whether the guest programs a plain address or one with the bit.
    for (const std::uint64_t address : {message.address, message.address | kSharedBit}) {
        ASSERT_TRUE(wiring.set_message(*number, devices::Message{address, 5, 0x18}));
        ASSERT_EQ(seen().routes().size(), 2u);
        EXPECT_EQ(seen().routes()[0].type, static_cast<unsigned>(KVM_IRQ_ROUTING_IRQCHIP));
        EXPECT_EQ(seen().routes()[0].u.irqchip.pin, 16u);
        const auto& route = seen().routes()[1];
        EXPECT_EQ(route.u.msi.address_lo, 0x3ffb'0040u);
        EXPECT_EQ(route.u.msi.address_hi, 0x80u);
        EXPECT_EQ(route.u.msi.data, 5u);
        EXPECT_EQ(route.u.msi.devid, 0x18u);
        EXPECT_EQ(seen().connected().count(route.gsi), 1u);
    }
    ASSERT_TRUE(wiring.set_message(*number, std::nullopt));
    EXPECT_EQ(seen().routes().size(), 1u);
    EXPECT_EQ(seen().connected().size(), 1u) << "the SPI's event alone";
    ASSERT_TRUE(wiring.set_message(*number, std::nullopt)) << "twice does no harm";
}

// Whatever failed, the next message is wired as a whole.
TEST_F(KvmWiringTest, RefusedMessage_CanBeSetAgain) {
    for (const unsigned long request : {KVM_SET_GSI_ROUTING, KVM_IRQFD}) {
        KvmWiring wiring(*vm, {});
        const Event mine = *Event::create("test");
        const auto number = wiring.connect_message(mine.fd());
        ASSERT_TRUE(number);
        const devices::Message message = {.address = 0x3ffb'0040, .data = 5, .requester = 8};
        fake.fail_request(request, fake.calls_of(request), ENOMEM);
        EXPECT_FALSE(wiring.set_message(*number, message));
        EXPECT_TRUE(seen().connected().empty());
        ASSERT_TRUE(wiring.set_message(*number, std::nullopt)) << "nothing to take away";
        ASSERT_TRUE(wiring.set_message(*number, message));
        ASSERT_EQ(seen().routes().size(), 1u);
        EXPECT_EQ(seen().connected().count(seen().routes()[0].gsi), 1u);
        // One that cannot be replaced stays.
        fake.fail_request(KVM_SET_GSI_ROUTING, fake.calls_of(KVM_SET_GSI_ROUTING), ENOMEM);
        EXPECT_FALSE(wiring.set_message(*number, devices::Message{0x3ffb'0040, 6, 8}));
        EXPECT_EQ(seen().routes()[0].u.msi.data, 5u);
        EXPECT_EQ(seen().connected().size(), 1u);
        ASSERT_TRUE(wiring.set_message(*number, std::nullopt));
        EXPECT_TRUE(seen().connected().empty());
        EXPECT_TRUE(seen().routes().empty());
    }
}

}  // namespace
}  // namespace rvmm::vmm
