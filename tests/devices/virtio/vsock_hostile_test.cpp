// Drivers of the vsock device that do what they must not.
#include <gtest/gtest.h>

#include "devices/virtio/vsock_bench.hpp"

namespace rvmm::devices::virtio {
namespace {

using Op = VsockOp;

struct HostilePacket {
    const char* what;
    VsockHeader header;
    std::string payload;
    std::optional<Op> answer;  // nothing: it is dropped
    bool connection_lives;
};

VsockHeader hostile(std::uint32_t guest, Op op, auto change) {
    VsockHeader header = VsockBench::header(guest, 80, op);
    header.src_cid = VsockBench::kCid;
    header.dst_cid = kVsockHostCid;
    change(header);
    return header;
}

std::vector<HostilePacket> hostile_packets() {
    const auto as_is = [](VsockHeader&) {};
    const auto cid = [](std::uint64_t src, std::uint64_t dst) {
        return [=](VsockHeader& h) { h.src_cid = src, h.dst_cid = dst; };
    };
    const auto type = [](std::uint16_t value) { return [=](VsockHeader& h) { h.type = value; }; };
    const auto len = [](std::uint32_t value) { return [=](VsockHeader& h) { h.len = value; }; };
    const auto op = [](unsigned value) { return static_cast<Op>(value); };
    constexpr std::uint64_t kHigh = 1ULL << 32;
    // The connection's guest port is 1; nobody has 2.
    return {
        {"another's CID", hostile(1, Op::kReset, cid(43, 2)), "", {}, true},
        {"the host's CID as its own", hostile(1, Op::kReset, cid(2, 2)), "", {}, true},
        {"to another guest", hostile(1, Op::kReset, cid(42, 43)), "", {}, true},
        {"to nobody", hostile(1, Op::kReset, cid(42, 0)), "", {}, true},
        {"a CID with high bits", hostile(1, Op::kReset, cid(42 | kHigh, 2)), "", {}, true},
        {"to one with high bits", hostile(1, Op::kReset, cid(42, 2 | kHigh)), "", {}, true},
        {"a sequence of packets", hostile(1, Op::kData, type(2)), "", Op::kReset, true},
        {"type 0", hostile(1, Op::kRequest, type(0)), "", Op::kReset, true},
        {"type 65535", hostile(1, Op::kData, type(65535)), "", Op::kReset, true},
        {"a reset of an unknown type", hostile(1, Op::kReset, type(3)), "", {}, true},
        {"op 0", hostile(1, op(0), as_is), "", Op::kReset, false},
        {"op 8", hostile(1, op(8), as_is), "", Op::kReset, false},
        {"op 65535", hostile(1, op(65535), as_is), "", Op::kReset, false},
        {"a request for what is there", hostile(1, Op::kRequest, as_is), "", Op::kReset, false},
        {"a response to nothing", hostile(1, Op::kResponse, as_is), "", Op::kReset, false},
        {"more than the chain has", hostile(1, Op::kData, len(5)), "four", Op::kReset, false},
        {"4 GiB", hostile(1, Op::kData, len(UINT32_MAX)), "four", Op::kReset, false},
        {"an update of 4 GiB", hostile(1, Op::kCreditUpdate, len(UINT32_MAX)), "", Op::kReset,
         false},
        {"less than the chain has", hostile(1, Op::kData, len(0)), "four", {}, true},
        {"more was received than sent",
         hostile(1, Op::kCreditUpdate, [](VsockHeader& h) { h.fwd_cnt = 1000; }),
         "",
         {},
         true},
        {"a huge buffer",
         hostile(1, Op::kCreditUpdate, [](VsockHeader& h) { h.buf_alloc = UINT32_MAX; }),
         "",
         {},
         true},
        {"a shutdown of nothing", hostile(1, Op::kShutdown, as_is), "", {}, true},
        {"a shutdown of what is not",
         hostile(1, Op::kShutdown, [](VsockHeader& h) { h.flags = ~kVsockNothing; }),
         "",
         {},
         true},
        {"data for nobody", hostile(2, Op::kData, as_is), "", Op::kReset, true},
        {"op 0 for nobody", hostile(2, op(0), as_is), "", Op::kReset, true},
        {"a response for nobody", hostile(2, Op::kResponse, as_is), "", Op::kReset, true},
        {"a reset for nobody", hostile(2, Op::kReset, as_is), "", {}, true},
        {"a request of more than the chain", hostile(2, Op::kRequest, len(1)), "", Op::kReset,
         true},
    };
}

TEST(VsockHostile, Packets_HurtTheirConnectionAtMost) {
    VsockBench v;
    v.attach();
    v.start();
    for (const HostilePacket& packet : hostile_packets()) {
        SCOPED_TRACE(packet.what);
        std::filesystem::remove(v.path.native() + "_80");
        std::filesystem::remove(v.path.native() + "_81");
        auto server = v.connect(1, 80);
        auto other = v.connect(3, 81);
        v.send(packet.header, packet.payload, true);
        if (packet.answer) {
            const VsockHeader answer = v.next().header;
            EXPECT_EQ(answer.op, *packet.answer);
            EXPECT_EQ(answer.dst_port, packet.header.src_port);
            EXPECT_EQ(answer.src_port, packet.header.dst_port);
            EXPECT_EQ(answer.type, packet.header.type);
        }
        EXPECT_TRUE(v.quiet());
        EXPECT_FALSE(v.bench.needs_reset());
        server.send("alive");
        if (packet.connection_lives)
            EXPECT_EQ(v.next().payload, "alive");
        else
            EXPECT_TRUE(v.ends(server));
        other.send("alive");
        EXPECT_EQ(v.next().payload, "alive");
        v.send(VsockBench::header(1, 80, Op::kReset));
        v.send(VsockBench::header(3, 81, Op::kReset));
        EXPECT_TRUE(v.quiet());
        EXPECT_EQ(v.device->router().connections(), 0u);
    }
    EXPECT_EQ(v.counter("dropped_packets"), 6u);
}

TEST(VsockHostile, PacketsBeforeTheConnectionStands_ResetIt) {
    for (const Op op : {Op::kRequest, Op::kShutdown, Op::kData, Op::kCreditUpdate}) {
        VsockBench v;
        v.attach();
        v.start();
        auto client = HostSocket::connect(v.path);
        client.send("CONNECT 52\n");
        const VsockHeader request = v.next().header;
        v.send(VsockBench::header(52, request.src_port, op));
        EXPECT_EQ(v.next().header.op, Op::kReset);
        EXPECT_TRUE(v.ends(client));
        EXPECT_EQ(client.input(), "");
    }
}

TEST(VsockHostile, DataBeforeTheResponseOrAfterTheShutdown_IsReset) {
    VsockBench v;
    v.attach();
    v.start(4096, 0);
    auto listener = v.listen(80);
    v.send(VsockBench::header(1, 80, Op::kRequest));
    v.send(VsockBench::header(1, 80, Op::kData), "x");
    v.give_buffers(4);
    EXPECT_EQ(v.next().header.op, Op::kReset);
    auto server = v.connect(2, 81);
    v.send(VsockBench::header(2, 81, Op::kShutdown, 65536, 0, kVsockNoSend));
    v.send(VsockBench::header(2, 81, Op::kData), "x");
    EXPECT_EQ(v.next().header.op, Op::kReset);
    EXPECT_TRUE(v.ends(server));
}

struct HostileChain {
    const char* what;
    unsigned queue;
    std::vector<Part> parts;
};

TEST(VsockHostile, Chains_NeedAReset) {
    const std::uint64_t at = DeviceBench::address(30);
    const std::vector<HostileChain> chains = {
        {"a packet of 43 bytes", Vsock::kTransmit, {{at, 43}}},
        {"a packet of one", Vsock::kTransmit, {{at, 1}}},
        {"an empty part", Vsock::kTransmit, {{at, 0}}},
        {"a packet to write", Vsock::kTransmit, {{at, 100, kPartWrite}}},
        {"a packet with a part to write", Vsock::kTransmit, {{at, 44}, {at, 100, kPartWrite}}},
        {"a packet of 4 GiB", Vsock::kTransmit, {{at, UINT32_MAX}}},
        {"a packet outside", Vsock::kTransmit, {{0x1000, 44}}},
        {"a packet in private memory", Vsock::kTransmit, {{DeviceBench::address(31), 44}}},
        {"room for 43 bytes", Vsock::kReceive, {{at, 43, kPartWrite}}},
        {"room to read", Vsock::kReceive, {{at, 100}}},
        {"room with a part to read", Vsock::kReceive, {{at, 44}, {at, 100, kPartWrite}}},
        {"room of 4 GiB", Vsock::kReceive, {{at, UINT32_MAX, kPartWrite}}},
        {"room in private memory", Vsock::kReceive, {{DeviceBench::address(31), 44, kPartWrite}}},
    };
    VsockBench v;
    v.attach();
    v.bench.memory.make_private(31);
    for (const HostileChain& chain : chains) {
        SCOPED_TRACE(chain.what);
        v.start(4096, 1);
        auto server = v.connect(1, 80);
        v.received(false);
        std::filesystem::remove(v.path.native() + "_80");
        if (chain.queue == Vsock::kReceive) {
            // The buffer that is out is used first.
            const auto before = v.counter("rx_bytes");
            server.send("one");
            EXPECT_TRUE(v.run_until([&] { return v.counter("rx_bytes") == before + 3; }));
            server.send("two");
        }
        v.bench.queue(chain.queue).offer(5, chain.parts);
        v.bench.kick(chain.queue);
        EXPECT_TRUE(v.run_until([&] { return v.bench.needs_reset(); }));
        EXPECT_TRUE(v.ends(server)) << "a device that failed keeps nobody waiting";
        EXPECT_EQ(v.bench.memory.leases(), 0u);
        v.bench.reset();
    }
}

TEST(VsockHostile, RoomForAHeaderOnly_GetsHeaders) {
    VsockBench v;
    v.attach();
    v.start(44, 1);
    auto server = v.connect(1, 80);
    server.send("data");
    for (int i = 0; i < 3; ++i) EXPECT_EQ(v.next().header.op, Op::kCreditUpdate);
    v.bench.queue(Vsock::kReceive).offer(1, {{DeviceBench::address(10), 45, kPartWrite}});
    v.bench.kick(Vsock::kReceive);
    EXPECT_TRUE(v.run_until([&] { return v.counter("rx_bytes") == 1; }));
}

TEST(VsockHostile, HeaderInManyPieces_IsRead) {
    VsockBench v;
    v.attach();
    v.start();
    v.send(VsockBench::header(1, 80, Op::kRequest));
    EXPECT_EQ(v.next().header.op, Op::kReset);
    const std::uint64_t at = DeviceBench::address(32);  // the same packet, once more
    v.bench.queue(Vsock::kTransmit).offer(2, {{at, 1}, {at + 1, 15}, {at + 16, 27}, {at + 43, 1}});
    v.bench.kick(Vsock::kTransmit);
    EXPECT_EQ(v.next().header.dst_port, 1u);
}

TEST(VsockHostile, EventQueue_IsNotLookedAt) {
    VsockBench v;
    v.attach();
    v.start();
    v.bench.queue(Vsock::kEvent).offer(0, {{1, 0}});
    v.bench.kick(Vsock::kEvent);
    EXPECT_FALSE(v.bench.needs_reset());
    v.accept(7);
}

}  // namespace
}  // namespace rvmm::devices::virtio
