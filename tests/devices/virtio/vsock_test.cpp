// The vsock device between a guest and Unix sockets: both ways to connect, flow control, the ways
// to end a connection, and what is bounded.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "devices/virtio/vsock_bench.hpp"

namespace rvmm::devices::virtio {
namespace {

using Op = VsockOp;

class VsockDevice : public ::testing::Test {
  protected:
    VsockDevice() { v.attach(); }
    static VsockHeader header(std::uint32_t guest, std::uint32_t host, Op op,
                              std::uint32_t buffer = 65536, std::uint32_t forwarded = 0,
                              std::uint32_t flags = 0) {
        return VsockBench::header(guest, host, op, buffer, forwarded, flags);
    }
    void expect_next(Op op, std::uint32_t flags = 0) {
        const VsockHeader header = v.next().header;
        EXPECT_EQ(header.op, op);
        EXPECT_EQ(header.flags, flags);
    }

    VsockBench v;
};

TEST_F(VsockDevice, Constants_AreTheSpecifications) {
    EXPECT_EQ(v.device->type(), 19);
    EXPECT_EQ(v.device->features(), 0u);
    EXPECT_EQ(v.device->queue_sizes().size(), 3u);
    EXPECT_EQ(to_hex(v.device->config()), "2a00000000000000");
}

TEST_F(VsockDevice, HostConnects_GuestAccepts_DataGoesBothWays) {
    v.start();
    auto [client, port] = v.accept(52);
    EXPECT_GE(port, 1U << 30);
    client.send("hello");
    const VsockPacket packet = v.next();
    EXPECT_EQ(packet.header.op, Op::kData);
    EXPECT_EQ(packet.header.src_port, port);
    EXPECT_EQ(packet.header.dst_port, 52u);
    EXPECT_EQ(packet.header.type, kVsockStream);
    EXPECT_EQ(packet.header.buf_alloc, 65536u);
    EXPECT_EQ(packet.payload, "hello");
    v.send(header(52, port, Op::kData, 65536, 5), "good day");
    EXPECT_EQ(v.read(client, 8), "good day");
    EXPECT_EQ(v.counter("connections"), 1u);
    EXPECT_EQ(v.counter("rx_bytes"), 5u);
    EXPECT_EQ(v.counter("tx_bytes"), 8u);
    EXPECT_EQ(v.counter("tx_packets"), 2u);
    EXPECT_EQ(v.counter("rx_packets"), 2u);
}

TEST_F(VsockDevice, HostConnects_GuestRefuses_ClientIsClosed) {
    v.start();
    auto client = HostSocket::connect(v.path);
    client.send("CONNECT 52\n");
    const VsockHeader request = v.next().header;
    v.send(header(52, request.src_port, Op::kReset));
    EXPECT_TRUE(v.ends(client));
    EXPECT_EQ(client.input(), "");
    EXPECT_EQ(v.device->router().connections(), 0u);
    EXPECT_EQ(v.device->router().promised(), 0u);
}

TEST_F(VsockDevice, DataRightBehindTheConnectLine_IsNotLost) {
    v.start();
    auto client = HostSocket::connect(v.path);
    client.send("CONN");
    EXPECT_TRUE(v.quiet());
    client.send("ECT 52\nearly");
    const VsockHeader request = v.next().header;
    EXPECT_TRUE(v.quiet()) << "nothing before the guest accepts";
    v.send(header(52, request.src_port, Op::kResponse));
    EXPECT_EQ(v.next().payload, "early");
}

TEST_F(VsockDevice, ClientsBeforeTheDriver_WaitForIt) {
    auto client = HostSocket::connect(v.path);
    client.send("CONNECT 7\n");
    v.bench.settle();
    v.start();
    EXPECT_EQ(v.next().header.dst_port, 7u);
}

TEST_F(VsockDevice, ClientThatLeavesBeforeTheAnswer_IsReset) {
    v.start();
    auto client = HostSocket::connect(v.path);
    client.send("CONNECT 52\n");
    EXPECT_EQ(v.next().header.op, Op::kRequest);
    client.close();
    expect_next(Op::kReset);
    EXPECT_EQ(v.device->router().connections(), 0u);
}

TEST_F(VsockDevice, GuestConnects_HostListens_DataGoesBothWays) {
    v.start();
    auto server = v.connect(1025, 80);
    ASSERT_TRUE(server);
    v.send(header(1025, 80, Op::kData), "ping");
    EXPECT_EQ(v.read(server, 4), "ping");
    server.send("pong");
    EXPECT_EQ(v.next().payload, "pong");
}

TEST_F(VsockDevice, GuestConnects_NobodyListens_IsReset) {
    v.start();
    v.send(header(1025, 80, Op::kRequest));
    const VsockHeader reset = v.next().header;
    EXPECT_EQ(reset.op, Op::kReset);
    EXPECT_EQ(reset.src_port, 80u);
    EXPECT_EQ(reset.dst_port, 1025u);
    EXPECT_EQ(v.counter("rx_resets"), 1u);
    EXPECT_EQ(v.counter("connections"), 0u);
}

TEST_F(VsockDevice, ThousandRoundTrips_TwoAtATime) {
    v.start();
    std::array<std::pair<HostSocket, std::uint32_t>, 2> clients = {v.accept(7), v.accept(7)};
    std::array<std::uint32_t, 2> forwarded = {};
    std::array<int, 2> trips = {};
    for (auto& [client, port] : clients) client.send("message 0");
    ASSERT_TRUE(v.run_until([&] {
        for (const auto& [packet, payload] : v.received()) {
            if (packet.op != Op::kData) continue;
            const std::size_t which = packet.src_port == clients[0].second ? 0 : 1;
            forwarded[which] += packet.len;
            v.send(header(7, packet.src_port, Op::kData, 65536, forwarded[which]), payload);
        }
        for (std::size_t i = 0; i < 2; ++i) {
            HostSocket& client = clients[i].first;
            client.poll();
            if (client.input() != fmt::format("message {}", trips[i])) continue;
            client.take();
            if (++trips[i] < 500) client.send(fmt::format("message {}", trips[i]));
        }
        return trips[0] == 500 && trips[1] == 500;
    })) << trips[0]
        << " " << trips[1];
}

TEST_F(VsockDevice, MebibyteToTheGuest_NeverExceedsItsCredit) {
    v.start();
    constexpr std::uint32_t kBuffer = 3000;
    auto [client, port] = v.accept(7, kBuffer);
    std::string text;
    for (std::uint32_t i = 0; text.size() < 1 << 20; ++i) text += std::to_string(i * 2654435761U);
    std::string got;
    std::size_t given = 0;
    std::uint32_t told = 0;
    ASSERT_TRUE(v.run_until([&] {
        given += client.send(std::string_view(text).substr(given));
        for (const auto& [packet, payload] : v.received()) {
            got += payload;
            EXPECT_LE(got.size() - told, kBuffer);
            if (packet.op != Op::kCreditRequest) continue;
            told = static_cast<std::uint32_t>(got.size());
            v.send(header(7, port, Op::kCreditUpdate, kBuffer, told));
        }
        return got.size() >= text.size();
    })) << got.size();
    EXPECT_EQ(got, text);
}

TEST_F(VsockDevice, MebibyteToASlowHost_WaitsForCreditAndStallsNobody) {
    v.start();
    auto slow = v.connect(1, 80);
    auto quick = v.connect(2, 81);
    std::string text;
    for (std::uint32_t i = 0; text.size() < 1 << 20; ++i) text += std::to_string(i * 2654435761U);
    std::size_t sent = 0;
    std::uint32_t forwarded = 0;
    std::uint32_t told = 0;
    const auto push = [&] {
        for (const auto& [packet, payload] : v.received())
            if (packet.dst_port == 1) forwarded = packet.fwd_cnt, ++told;
        const auto room = 65536 - (static_cast<std::uint32_t>(sent) - forwarded);
        const auto part = std::string_view(text).substr(sent, std::min(room, 30000U));
        if (part.empty()) return false;
        v.send(header(1, 80, Op::kData), part);
        sent += part.size();
        return true;
    };
    // Nobody reads: the kernel's buffer fills, then the device's, then the guest waits.
    for (int idle = 0; idle < 5; idle = push() ? 0 : idle + 1) v.bench.settle();
    ASSERT_LT(sent, text.size());
    v.send(header(2, 81, Op::kData), "in time");
    EXPECT_EQ(v.read(quick, 7), "in time");
    ASSERT_TRUE(v.run_until([&] {
        push();
        slow.poll(5000);
        return slow.input().size() >= text.size();
    })) << slow.input().size();
    EXPECT_EQ(slow.input(), text);
    EXPECT_LT(told, 200u) << "an update for half a buffer, not for each packet";
}

TEST_F(VsockDevice, MoreThanTheCredit_IsReset) {
    v.start();
    auto server = v.connect(1, 80);
    v.send(header(1, 80, Op::kData), std::string(65537, 'x'));
    expect_next(Op::kReset);
    EXPECT_TRUE(v.ends(server));
    EXPECT_EQ(v.device->router().connections(), 0u);
}

TEST_F(VsockDevice, CreditRequest_IsAnswered) {
    v.start();
    auto server = v.connect(1, 80);
    v.send(header(1, 80, Op::kData), "four");
    EXPECT_EQ(v.read(server, 4), "four");
    v.send(header(1, 80, Op::kCreditRequest));
    const VsockHeader answer = v.next().header;
    EXPECT_EQ(answer.op, Op::kCreditUpdate);
    EXPECT_EQ(answer.buf_alloc, 65536u);
    EXPECT_EQ(answer.fwd_cnt, 4u);
}

TEST_F(VsockDevice, NoCredit_IsAskedForOnce_AndTheEndIsSeenAllTheSame) {
    v.start();
    auto silent = v.connect(1, 80, 0);
    silent.close();
    expect_next(Op::kShutdown, kVsockNothing);
    auto server = v.connect(2, 81, 0);
    server.send("data");
    expect_next(Op::kCreditRequest);
    v.send(header(2, 81, Op::kCreditUpdate, 0));
    EXPECT_TRUE(v.quiet()) << "asking again would not help";
    v.send(header(2, 81, Op::kCreditUpdate, 3));
    EXPECT_EQ(v.next().payload, "dat");
    expect_next(Op::kCreditRequest);
    v.send(header(2, 81, Op::kCreditUpdate, 3, 3));
    EXPECT_EQ(v.next().payload, "a");
}

TEST_F(VsockDevice, HalfClosedByTheHost_GuestStillSends) {
    v.start();
    auto [client, port] = v.accept(7);
    client.send("question");
    client.shut_down(SHUT_WR);
    EXPECT_EQ(v.next().payload, "question");
    expect_next(Op::kShutdown, kVsockNoSend);
    v.send(header(7, port, Op::kData), "answer");
    EXPECT_EQ(v.read(client, 6), "answer");
    v.send(header(7, port, Op::kShutdown, 65536, 8, kVsockNothing));
    expect_next(Op::kReset);
    EXPECT_TRUE(v.ends(client));
    EXPECT_EQ(v.device->router().connections(), 0u);
}

TEST_F(VsockDevice, HalfClosedByTheGuest_HostStillSends) {
    v.start();
    auto [client, port] = v.accept(7);
    v.send(header(7, port, Op::kData), "question");
    v.send(header(7, port, Op::kShutdown, 65536, 0, kVsockNoSend));
    EXPECT_TRUE(v.ends(client));
    EXPECT_EQ(client.input(), "question");
    client.send("answer");
    EXPECT_EQ(v.next().payload, "answer");
    client.close();
    EXPECT_EQ(v.next().header.op, Op::kShutdown);
    v.send(header(7, port, Op::kReset));
    EXPECT_EQ(v.device->router().connections(), 0u);
}

TEST_F(VsockDevice, GuestThatReceivesNoMore_StopsTheHost) {
    v.start();
    auto [client, port] = v.accept(7);
    v.send(header(7, port, Op::kShutdown, 65536, 0, kVsockNoReceive));
    EXPECT_TRUE(v.run_until([&, &c = client] { return c.send("x") == 0; }));
    EXPECT_TRUE(v.quiet());
    v.send(header(7, port, Op::kData), "last words");
    EXPECT_EQ(v.read(client, 10), "last words");
}

TEST_F(VsockDevice, HostThatCloses_IsToldBothWays_AndLateDataIsDropped) {
    v.start();
    auto [client, port] = v.accept(7);
    client.send("bye");
    client.close();
    std::string payload;
    std::uint32_t flags = 0;
    while (flags != kVsockNothing) {
        const VsockPacket packet = v.next();
        payload += packet.payload;
        if (packet.header.op == Op::kShutdown) flags |= packet.header.flags;
    }
    EXPECT_EQ(payload, "bye");
    v.send(header(7, port, Op::kData), "too late");
    EXPECT_TRUE(v.quiet());
    v.send(header(7, port, Op::kReset));
    EXPECT_EQ(v.device->router().connections(), 0u);
}

TEST_F(VsockDevice, WhatTheGuestSentBeforeItClosed_ReachesASlowHost) {
    v.start();
    auto server = v.connect(1, 80);
    std::string sent;
    std::uint32_t forwarded = 0;
    for (int idle = 0; idle < 5; ++idle) {
        v.bench.settle();
        for (const auto& [packet, payload] : v.received()) forwarded = packet.fwd_cnt;
        const auto room = 65536 - (static_cast<std::uint32_t>(sent.size()) - forwarded);
        if (room == 0) continue;
        idle = 0;
        const std::string part(room, static_cast<char>('a' + sent.size() % 26));
        v.send(header(1, 80, Op::kData), part);
        sent += part;
    }
    v.send(header(1, 80, Op::kShutdown, 65536, 0, kVsockNothing));
    expect_next(Op::kReset);
    EXPECT_EQ(v.device->router().connections(), 1u) << "it lingers";
    // The ports are free for another.
    std::filesystem::remove(v.path.native() + "_80");
    auto other = v.connect(1, 80);
    EXPECT_TRUE(v.ends(server));
    EXPECT_EQ(server.input().size(), sent.size());
    EXPECT_TRUE(server.input() == sent);
    EXPECT_TRUE(v.run_until([&] { return v.device->router().connections() == 1; }));
    v.send(header(1, 80, Op::kData), "new");
    EXPECT_EQ(v.read(other, 3), "new");
}

TEST_F(VsockDevice, TurnsGoRound) {
    v.start(4096, 0);
    auto listener = v.listen(80);
    std::vector<HostSocket> servers;
    for (std::uint32_t i = 0; i < 4; ++i) {
        v.send(header(i, 80, Op::kRequest));
        servers.push_back(VsockBench::accepted(listener));
    }
    v.give_buffers(4);
    for (std::uint32_t i = 0; i < 4; ++i) EXPECT_EQ(v.next().header.dst_port, i);
    for (auto& server : servers) server.send(std::string(20000, 'x'));
    std::vector<std::uint32_t> order;
    while (order.size() < 16) order.push_back(v.next().header.dst_port);
    for (std::size_t i = 4; i + 4 < order.size(); ++i) EXPECT_EQ(order[i], order[i + 4]) << i;
}

TEST_F(VsockDevice, ResetsThatTheGuestDoesNotTake_StopWhatItSends) {
    v.start(4096, 0);
    unsigned sent = 0;
    for (std::size_t used = 0; used == sent && sent < 5000;) {
        v.send(header(sent, 80, Op::kRequest));
        ++sent;
        used += v.bench.queue(Vsock::kTransmit).used().size();
        if (used != sent) break;
    }
    EXPECT_LT(sent, 1000u) << "bounded";
    v.give_buffers(DeviceBench::kQueueSize);
    for (unsigned i = 0; i < sent; ++i) EXPECT_EQ(v.next().header.dst_port, i);
}

TEST(VsockLimits, ConnectionsAreLimited_AndTheAbandonedGoFirst) {
    VsockBench v;
    v.attach(4);
    v.start();
    auto listener = v.listen(80);
    std::vector<HostSocket> servers;
    for (std::uint32_t i = 0; i < 5; ++i) {
        v.send(VsockBench::header(i, 80, Op::kRequest));
        EXPECT_EQ(v.next().header.op, i < 4 ? Op::kResponse : Op::kReset);
        if (i < 4) servers.push_back(VsockBench::accepted(listener));
    }
    auto client = HostSocket::connect(v.path);
    client.send("CONNECT 9\n");
    EXPECT_TRUE(v.ends(client));
    // A host that has gone makes room, though the guest says nothing to that.
    servers[2].close();
    for (std::uint32_t flags = 0; flags != kVsockNothing;) flags |= v.next().header.flags;
    v.send(VsockBench::header(10, 80, Op::kRequest));
    const VsockHeader reset = v.next().header;
    EXPECT_EQ(reset.op, Op::kReset);
    EXPECT_EQ(reset.dst_port, 2u);
    EXPECT_EQ(v.next().header.op, Op::kResponse);
    EXPECT_EQ(v.device->router().connections(), 4u);
}

TEST(VsockLimits, BuffersTogetherAreLimited) {
    VsockBench v;
    v.attach();
    v.start();
    std::vector<HostSocket> servers;
    auto listener = v.listen(80);
    std::uint32_t small = 0;
    for (std::uint32_t i = 0; i < 250; ++i) {
        v.send(VsockBench::header(i, 80, Op::kRequest));
        small += v.next().header.buf_alloc == VsockRouter::kSmallBuffer ? 1 : 0;
        servers.push_back(VsockBench::accepted(listener));
    }
    EXPECT_GT(small, 0u);
    const std::uint32_t others = VsockRouter::kMaxConnections - 250;
    EXPECT_LE(v.device->router().promised() + others * VsockRouter::kSmallBuffer,
              VsockRouter::kAllBuffers);
}

TEST_F(VsockDevice, ResetWithConnectionsOpen_ClosesThem_FiftyTimes) {
    for (int round = 0; round < 50; ++round) {
        v.start();
        auto [client, port] = v.accept(7);
        auto [waiting, other] = std::pair(HostSocket::connect(v.path), 0);
        waiting.send("CONN");
        v.bench.settle();
        client.send("unread");
        v.bench.reset();
        EXPECT_TRUE(v.ends(client));
        EXPECT_TRUE(v.ends(waiting));
        EXPECT_EQ(v.device->router().connections(), 0u);
        EXPECT_EQ(v.device->router().promised(), 0u);
        EXPECT_EQ(v.bench.memory.leases(), 0u);
    }
}

TEST_F(VsockDevice, ResetAndBack_NothingOldComesThrough) {
    v.start(4096, 0);
    v.send(header(1, 80, Op::kRequest));  // a reset is due
    v.bench.reset();
    v.start();
    EXPECT_TRUE(v.quiet());
    v.accept(7);
}

}  // namespace
}  // namespace rvmm::devices::virtio
