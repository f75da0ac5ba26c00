// The header's layout, and the arithmetic of credit.
#include "devices/virtio/vsock_packet.hpp"

#include <gtest/gtest.h>

#include "devices/virtio/vsock_credit.hpp"

namespace rvmm::devices::virtio {
namespace {

TEST(VsockPacket, Layout_IsTheSpecifications) {
    const VsockHeader header = {.src_cid = 0x0102030405060708,
                                .dst_cid = 2,
                                .src_port = 0x11121314,
                                .dst_port = 0x21222324,
                                .len = 0x31323334,
                                .type = 1,
                                .op = VsockOp::kData,
                                .flags = 0x41424344,
                                .buf_alloc = 0x51525354,
                                .fwd_cnt = 0x61626364};
    std::array<std::byte, VsockHeader::kSize> bytes = {};
    header.encode(bytes);
    EXPECT_EQ(to_hex(bytes),
              "0807060504030201"
              "0200000000000000"
              "14131211"
              "24232221"
              "34333231"
              "0100"
              "0500"
              "44434241"
              "54535251"
              "64636261");
    EXPECT_EQ(VsockHeader::decode(bytes), header);
}

TEST(VsockCredit, GuestMaySendWhatItWasToldOf) {
    VsockCredit credit(100);
    EXPECT_FALSE(credit.received(101));
    EXPECT_TRUE(credit.received(60));
    EXPECT_FALSE(credit.received(41));
    EXPECT_TRUE(credit.received(40));
    credit.forwarded(49);
    EXPECT_FALSE(credit.update_due());
    credit.forwarded(50);
    EXPECT_TRUE(credit.update_due());
    EXPECT_FALSE(credit.received(1)) << "it does not know yet";
    VsockHeader header;
    credit.tell(header);
    EXPECT_EQ(header.buf_alloc, 100u);
    EXPECT_EQ(header.fwd_cnt, 50u);
    EXPECT_FALSE(credit.update_due());
    EXPECT_TRUE(credit.received(50));
    EXPECT_FALSE(credit.received(1));
    EXPECT_FALSE(credit.received(UINT32_MAX));
}

TEST(VsockCredit, Room_IsWhatTheGuestSays_AndOldOrImpossibleCountsChangeNothing) {
    VsockCredit credit(100);
    EXPECT_EQ(credit.room(), 0u);
    credit.heard({.buf_alloc = 10});
    credit.sent(8);
    EXPECT_EQ(credit.room(), 2u);
    credit.heard({.buf_alloc = 10, .fwd_cnt = 6});
    EXPECT_EQ(credit.room(), 8u);
    credit.heard({.buf_alloc = 10, .fwd_cnt = 3});
    credit.heard({.buf_alloc = 10, .fwd_cnt = 9});
    EXPECT_EQ(credit.room(), 8u);
    credit.heard({.buf_alloc = 1, .fwd_cnt = 6});
    EXPECT_EQ(credit.room(), 0u) << "a buffer that shrank";
    credit.heard({.buf_alloc = 1, .fwd_cnt = 8});
    EXPECT_EQ(credit.room(), 1u);
}

TEST(VsockCredit, Counters_Wrap) {
    VsockCredit credit(1U << 30);
    VsockHeader header;
    for (std::uint32_t i = 1; i <= 10; ++i) {
        ASSERT_TRUE(credit.received(1U << 30));
        ASSERT_FALSE(credit.received(1));
        credit.forwarded(i << 30);
        ASSERT_TRUE(credit.update_due());
        credit.tell(header);
        credit.heard({.buf_alloc = 1U << 31, .fwd_cnt = (i - 1) << 31});
        ASSERT_EQ(credit.room(), 1U << 31);
        credit.sent(1U << 31);
        ASSERT_EQ(credit.room(), 0u);
    }
}

}  // namespace
}  // namespace rvmm::devices::virtio
