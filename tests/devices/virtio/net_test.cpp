// The network device against good and bad drivers, with a stream and with something like a tap.
#include "devices/virtio/net.hpp"

#include <csignal>

#include <gtest/gtest.h>

#include "devices/net/peer.hpp"
#include "devices/net/stream_backend.hpp"
#include "devices/net/tap_backend.hpp"
#include "devices/virtio/device_bench.hpp"

namespace rvmm::devices::virtio {
namespace {

constexpr std::size_t kHead = NetBackend::kHeaderSize;
constexpr std::uint64_t kNotMerged = kNetMergeRxBuffers;

/// A header with `flags`, `gso` and, at its end, `buffers`.
std::string header(unsigned flags = 0, unsigned gso = 0, unsigned buffers = 0) {
    std::string bytes(kHead, '\0');
    bytes[0] = static_cast<char>(flags);
    bytes[1] = static_cast<char>(gso);
    bytes[kNetHdrNumBuffers] = static_cast<char>(buffers);
    return bytes;
}

std::string frame_of(std::size_t size, char fill = 'e') {
    std::string frame(size, fill);
    for (std::size_t i = 0; i < size; ++i)
        frame[i] = static_cast<char>(fill + static_cast<char>(i % 13));
    return frame;
}

class NetBench : public ::testing::Test {
  protected:
    NetBench() { std::signal(SIGPIPE, SIG_IGN); }

    void add_stream() {
        peers.emplace_back(SOCK_STREAM);
        backends.push_back(*StreamBackend::create(bench.loop, peers.back().take_other()));
    }
    void add_tap() {
        peers.emplace_back(SOCK_SEQPACKET);
        const std::size_t index = backends.size();
        attached.push_back(true);
        TapBackend::Control control;
        control.headers = true;
        control.offloads = {.checksum = true, .tso4 = true, .tso6 = true};
        control.set_offloads = [this](int, const Offloads& wanted) { offloads = wanted; };
        control.attach = [this, index](int, bool on) { attached[index] = on; };
        backends.push_back(
            *TapBackend::create(bench.loop, peers.back().take_other(), std::move(control)));
    }
    void attach(std::optional<std::uint16_t> mtu = {}) {
        auto made = Net::create({"net0", {2, 0, 0, 0, 0, 7}, mtu}, std::move(backends));
        ASSERT_TRUE(made) << made.error().message();
        device = *std::move(made);
        bench.attach(device);
    }
    void stream_device(std::uint64_t refused = 0) {
        add_stream();
        attach();
        bench.start(refused);
    }
    void tap_device(std::uint64_t refused = 0) {
        add_tap();
        attach();
        bench.start(refused);
    }

    /// Page 16 on are buffers to receive in, page 40 on to send from.
    static std::uint64_t rx(std::size_t index) { return DeviceBench::address(16 + index); }
    static std::uint64_t tx(std::size_t index = 0) { return DeviceBench::address(40 + index); }
    void offer_rx(std::uint16_t index, std::uint32_t size) {
        bench.queue(0).offer(index, {{rx(index), size, kPartWrite}});
    }
    void offer_tx(std::uint16_t index, std::string_view packet) {
        bench.put(tx(index), packet);
        bench.queue(1).offer(index, {{tx(index), static_cast<std::uint32_t>(packet.size())}});
    }
    std::uint8_t control(std::string_view request, unsigned queue) {
        bench.put(tx(8), request);
        bench.put(tx(9), "?");
        bench.queue(queue).offer(
            0, {{tx(8), static_cast<std::uint32_t>(request.size())}, {tx(9), 1, kPartWrite}});
        bench.kick(queue);
        EXPECT_EQ(bench.queue(queue).used().size(), 1u);
        return static_cast<std::uint8_t>(bench.text(tx(9), 1)[0]);
    }
    static std::string pairs_set(unsigned count) {
        return {4, 0, static_cast<char>(count & 0xff), static_cast<char>(count >> 8)};
    }
    std::uint64_t counter(std::string_view name) {
        for (const Counter& c : device->counters())
            if (c.name == name) return c.value;
        return UINT64_MAX;
    }
    using Used = std::vector<DriverQueue::Used>;

    DeviceBench bench;
    std::vector<std::unique_ptr<NetBackend>> backends;
    std::vector<NetPeer> peers;
    std::vector<bool> attached;
    std::optional<Offloads> offloads;
    std::shared_ptr<Net> device;
};

TEST_F(NetBench, Offer_SaysWhatTheBackendTakes) {
    add_stream();
    attach(1400);
    EXPECT_EQ(device->features(), kNetMac | kNetStatus | kNetMergeRxBuffers | kNetMtu);
    EXPECT_EQ(to_hex(device->config()), "020000000007010001007805");
    EXPECT_EQ(device->queue_sizes().size(), 2u);
    backends.clear();
    add_tap();
    const auto tap = *Net::create({"net1"}, std::move(backends));
    EXPECT_EQ(tap->features(), kNetMac | kNetStatus | kNetMergeRxBuffers | kNetCsum |
                                   kNetGuestCsum | kNetHostTso4 | kNetGuestTso4 | kNetHostTso6 |
                                   kNetGuestTso6);
    EXPECT_FALSE(Net::create({"net2"}, {}));
    add_tap();
    EXPECT_FALSE(Net::create({.name = "net3", .mtu = 67}, std::move(backends)));
}

TEST_F(NetBench, StreamTransmit_LeavesTheHeaderAway) {
    stream_device();
    const std::string frame = frame_of(60);
    offer_tx(0, header(1, 1, 9) + frame);
    bench.kick(1);
    EXPECT_EQ(peers[0].receive(), framed(frame));
    EXPECT_EQ(bench.queue(1).used(), (Used{{0, 0}}));
    EXPECT_EQ(bench.interrupts(1), 1u);
    EXPECT_EQ(counter("tx_packets"), 1u);
    EXPECT_EQ(counter("tx_bytes"), 60u);
}

TEST_F(NetBench, StreamReceive_HasAHeaderOfZeros) {
    stream_device();
    const std::string frame = frame_of(100);
    offer_rx(0, 1526);
    bench.kick(0);
    peers[0].send(framed(frame));
    bench.settle();
    EXPECT_EQ(bench.queue(0).used(), (Used{{0, 112}}));
    EXPECT_EQ(bench.text(rx(0), 112), header(0, 0, 1) + frame);
    EXPECT_EQ(counter("rx_packets"), 1u);
    EXPECT_EQ(bench.memory.leases(), 0u) << "nothing is held between packets";
}

TEST_F(NetBench, TapPackets_KeepTheirHeaders) {
    tap_device();
    const std::string frame = frame_of(200);
    offer_tx(0, header(1, 1) + frame);
    bench.kick(1);
    EXPECT_EQ(peers[0].receive(), header(1, 1) + frame);
    offer_rx(0, 1526);
    bench.kick(0);
    peers[0].send(header(2, 0, 77) + frame);
    bench.settle();
    EXPECT_EQ(bench.text(rx(0), 212), header(2, 0, 1) + frame);
}

TEST_F(NetBench, Offloads_AreWhatTheDriverAccepted) {
    tap_device(kNetGuestTso6);
    EXPECT_EQ(offloads, (Offloads{.checksum = true, .tso4 = true}));
    bench.reset();
    bench.start(kNetGuestCsum);
    EXPECT_EQ(offloads, Offloads{}) << "none without the checksum";
    offer_rx(0, 1526);
    bench.kick(0);
    peers[0].send(header(2) + frame_of(60));
    bench.settle();
    EXPECT_EQ(bench.text(rx(0), kHead), header(0, 0, 1)) << "no flags without it";
}

TEST_F(NetBench, LongPacket_IsMergedOverChains) {
    tap_device();
    for (std::uint16_t i = 0; i < 6; ++i) offer_rx(i, 100);
    bench.kick(0);
    // Twice: the second time the size is expected, and nothing is copied.
    for (std::uint16_t round = 0; round < 2; ++round) {
        const std::string frame = frame_of(250, static_cast<char>('a' + round));
        peers[0].send(header() + frame);
        bench.settle();
        const std::uint16_t first = round * 3;
        EXPECT_EQ(bench.queue(0).used(), (Used{{first, 100}, {first + 1U, 100}, {first + 2U, 62}}));
        EXPECT_EQ(bench.text(rx(first), 100) + bench.text(rx(first + 1U), 100) +
                      bench.text(rx(first + 2U), 62),
                  header(0, 0, 3) + frame);
    }
}

TEST_F(NetBench, LongFrameOfAStream_IsMergedOverChains) {
    stream_device();
    for (std::uint16_t i = 0; i < 3; ++i) offer_rx(i, 64);
    bench.kick(0);
    const std::string frame = frame_of(2 * 64 - kHead);  // fills two exactly
    peers[0].send(framed(frame));
    bench.settle();
    EXPECT_EQ(bench.queue(0).used(), (Used{{0, 64}, {1, 64}}));
    EXPECT_EQ(bench.text(rx(0), 64) + bench.text(rx(1), 64), header(0, 0, 2) + frame);
}

TEST_F(NetBench, WithoutMerging_WhatDoesNotFitIsDropped) {
    stream_device(kNotMerged);
    offer_rx(0, 100);
    offer_rx(1, 100);
    bench.kick(0);
    peers[0].send(framed(frame_of(200)) + framed(frame_of(88)));
    bench.settle();
    EXPECT_EQ(counter("rx_dropped"), 1u);
    EXPECT_EQ(bench.queue(0).used(), (Used{{0, 100}}));
    EXPECT_EQ(bench.text(rx(0), 100), header(0, 0, 1) + frame_of(88));
}

TEST_F(NetBench, TapWithoutMerging_WhatDoesNotFitIsDropped) {
    tap_device(kNotMerged);
    offer_rx(0, 100);
    bench.kick(0);
    peers[0].send(header() + frame_of(200));
    peers[0].send(header() + frame_of(20));
    bench.settle();
    EXPECT_EQ(counter("rx_dropped"), 1u);
    EXPECT_EQ(bench.queue(0).used(), (Used{{0, 32}}));
}

TEST_F(NetBench, NoChains_LeavePacketsWithTheBackend) {
    tap_device();
    peers[0].send(header() + frame_of(20, 'a'));
    peers[0].send(header() + frame_of(300, 'b'));
    bench.settle();
    EXPECT_EQ(counter("rx_packets") + counter("rx_dropped"), 0u);
    offer_rx(0, 100);
    bench.kick(0);
    EXPECT_EQ(bench.queue(0).used(), (Used{{0, 32}}));
    // The second needs more than there is: it waits, and no chain with it.
    offer_rx(1, 100);
    bench.kick(0);
    EXPECT_TRUE(bench.queue(0).used().empty());
    EXPECT_EQ(bench.memory.leases(), 0u);
    offer_rx(2, 100);
    bench.kick(0);
    EXPECT_TRUE(bench.queue(0).used().empty());
    offer_rx(3, 200);
    bench.kick(0);
    EXPECT_EQ(bench.queue(0).used(), (Used{{1, 100}, {2, 100}, {3, 112}}));
    EXPECT_EQ(bench.text(rx(1) + kHead, 88) + bench.text(rx(2), 100) + bench.text(rx(3), 112),
              frame_of(300, 'b'));
    EXPECT_EQ(counter("rx_dropped"), 0u);
}

TEST_F(NetBench, PacketThatNoRingHasRoomFor_IsDropped) {
    tap_device();
    for (std::uint16_t i = 0; i < DeviceBench::kQueueSize; ++i) offer_rx(i, 12);
    bench.kick(0);
    peers[0].send(header() + frame_of(1000));
    peers[0].send(header() + frame_of(24));
    bench.settle();
    EXPECT_EQ(counter("rx_dropped"), 1u);
    EXPECT_EQ(bench.queue(0).used(), (Used{{0, 12}, {1, 12}, {2, 12}}));
}

TEST_F(NetBench, LongestPackets_GoBothWays) {
    tap_device();
    const std::string frame = frame_of(65'589);
    for (std::uint16_t i = 0; i < DeviceBench::kQueueSize; ++i)
        bench.queue(0).offer(i, {{rx(0) + i * 4200U, 4200, kPartWrite}});
    bench.kick(0);
    peers[0].send(header() + frame);
    bench.settle();
    ASSERT_EQ(bench.queue(0).used().size(), 16u);
    EXPECT_EQ(bench.text(rx(0) + kHead, frame.size()), frame);
    bench.put(tx(), header() + frame);
    bench.queue(1).offer(0, {{tx(), 65'601}});
    bench.kick(1);
    EXPECT_EQ(peers[0].receive(), header() + frame);
}

TEST_F(NetBench, ManyPieces_AreSentAndReceived) {
    tap_device();
    // More than a call takes: an indirect table of 100 pieces.
    constexpr std::size_t kCount = 100;
    const std::string frame = frame_of(kCount * 10 - kHead);
    bench.put(tx(), header() + frame);
    for (const bool receive : {false, true}) {
        DriverQueue& queue = bench.queue(receive ? 0 : 1);
        const std::uint64_t data = receive ? rx(0) : tx();
        for (std::size_t i = 0; i < kCount; ++i)
            queue.indirect(tx(4), i,
                           {data + 10 * i, 10,
                            static_cast<std::uint16_t>((receive ? kPartWrite : 0) |
                                                       (i + 1 < kCount ? kPartNext : 0)),
                            static_cast<std::uint16_t>(i + 1)});
        queue.offer(0, {{tx(4), 16 * kCount, kPartIndirect}});
        bench.kick(receive ? 0 : 1);
        if (!receive) {
            EXPECT_EQ(peers[0].receive(), header() + frame);
        } else {
            peers[0].send(header() + frame);
            bench.settle();
            EXPECT_EQ(bench.queue(0).used(), (Used{{0, 1000}}));
            EXPECT_EQ(bench.text(rx(0), 1000), header(0, 0, 1) + frame);
        }
    }
}

TEST_F(NetBench, SlowPeer_KeepsTheOrderAndLosesNothing) {
    for (const bool stream : {true, false}) {
        DeviceBench own;
        NetPeer peer(stream ? SOCK_STREAM : SOCK_SEQPACKET);
        std::vector<std::unique_ptr<NetBackend>> one;
        if (stream)
            one.push_back(*StreamBackend::create(own.loop, peer.take_other()));
        else
            one.push_back(*TapBackend::create(own.loop, peer.take_other(), {}));
        own.attach(*Net::create({"net0"}, std::move(one)));
        own.start();
        std::string expected;
        std::string got;
        std::size_t used = 0;
        for (std::size_t i = 0; i < 200; ++i) {
            const auto slot = static_cast<std::uint16_t>(i % 16);
            if (i >= 16 + used) {  // the ring is full: the peer reads a little
                got += peer.receive(5000);
                own.settle();
                used += own.queue(1).used().size();
                --i;
                continue;
            }
            const std::string frame = frame_of(4000, static_cast<char>(i));
            own.put(DeviceBench::address(20 + slot), header() + frame);
            own.queue(1).offer(slot, {{DeviceBench::address(20 + slot), 4012}});
            own.kick(1);
            used += own.queue(1).used().size();
            EXPECT_EQ(own.memory.leases(), 0u);
            expected += stream ? framed(frame) : frame;
        }
        for (int i = 0; i < 2000 && got.size() < expected.size(); ++i) {
            got += peer.receive(5000);
            own.settle();
        }
        EXPECT_EQ(got, expected);
    }
}

TEST_F(NetBench, ResetInTheMiddleOfAFrame_KeepsTheStreamWhole) {
    stream_device();
    std::uint16_t sent = 0;
    const std::string frame = frame_of(4084 - 14);
    while (bench.queue(1).used().size() == (sent != 0 ? 1u : 0u)) {
        offer_tx(sent++ % 4, header() + frame);
        bench.kick(1);
    }
    bench.reset();
    bench.start();
    std::string got;
    for (std::string part = "x"; !part.empty(); got += part) {
        part = peers[0].receive(3000);
        bench.settle();
    }
    EXPECT_EQ(got.size() % framed(frame).size(), 0u);
    EXPECT_EQ(got.substr(got.size() - frame.size()), frame);
    offer_tx(0, header() + frame_of(60));
    bench.kick(1);
    EXPECT_EQ(peers[0].receive(), framed(frame_of(60)));
}

TEST_F(NetBench, PeerThatGoes_TakesTheLinkDownAndTheGuestLivesOn) {
    stream_device();
    offer_rx(0, 100);
    bench.kick(0);
    peers[0].close();
    bench.settle();
    EXPECT_FALSE(device->link_up());
    EXPECT_EQ(bench.config_changes(), 1u);
    std::array<std::byte, 2> status = {};
    bench.frontend().read_config(kNetConfigStatus, status);
    EXPECT_EQ(to_hex(status), "0000");
    EXPECT_FALSE(bench.needs_reset());
    offer_tx(0, header() + frame_of(60));
    bench.kick(1);
    EXPECT_EQ(bench.queue(1).used(), (Used{{0, 0}}));
    EXPECT_EQ(counter("tx_dropped"), 1u);
    bench.reset();
    bench.start();
    EXPECT_EQ(bench.config_changes(), 1u);
    bench.frontend().read_config(kNetConfigStatus, status);
    EXPECT_EQ(to_hex(status), "0000");
}

TEST_F(NetBench, FramesThatAreNone_AreDropped) {
    stream_device();
    offer_tx(0, header() + "thirteen byte");
    offer_tx(1, header());
    bench.put(tx(2), std::string(70'000, 'x'));
    bench.queue(1).offer(2, {{tx(2), 65'613}});
    bench.kick(1);
    EXPECT_EQ(counter("tx_dropped"), 3u);
    EXPECT_EQ(bench.queue(1).used().size(), 3u);
    EXPECT_EQ(peers[0].receive(), "");
    offer_rx(0, 1500);
    bench.kick(0);
    peers[0].send(framed("") + framed("short") + framed(frame_of(14)));
    bench.settle();
    EXPECT_EQ(counter("rx_dropped"), 2u);
    EXPECT_EQ(bench.queue(0).used(), (Used{{0, 26}}));
    EXPECT_FALSE(bench.needs_reset());
}

TEST_F(NetBench, WhatExceedsTheMtu_IsNotPassedOn) {
    add_tap();
    attach(1000);
    bench.start();
    offer_rx(0, 2000);
    offer_rx(1, 2000);
    bench.kick(0);
    peers[0].send(header() + frame_of(1023));
    peers[0].send(header(1, 1) + frame_of(1500));  // segments: their size counts
    peers[0].send(header() + frame_of(1014));
    bench.settle();
    EXPECT_EQ(counter("rx_dropped"), 1u);
    EXPECT_EQ(bench.queue(0).used(), (Used{{0, 1512}, {1, 1026}}));
}

TEST_F(NetBench, BusyPeer_LetsOthersHaveTheirTurn) {
    stream_device();
    for (std::uint16_t i = 0; i < DeviceBench::kQueueSize; ++i) offer_rx(i, 200);
    bench.kick(0);
    std::string many;
    for (int i = 0; i < 300; ++i) many += framed("tiny");  // dropped: no chain is ever used up
    peers[0].send(many);
    bench.loop.restart();
    bench.loop.poll_one();
    bench.loop.restart();
    bench.loop.poll_one();
    EXPECT_LT(counter("rx_dropped"), 200u);
    bench.settle();
    EXPECT_EQ(counter("rx_dropped"), 300u);
}

TEST_F(NetBench, SeveralQueues_AreUsedAsTheDriverSays) {
    add_tap();
    add_tap();
    attach();
    EXPECT_EQ(attached, (std::vector<bool>{true, false}));
    bench.start();
    ASSERT_EQ(bench.frontend().queue_count(), 5u);
    bench.queue(2).offer(0, {{rx(2), 200, kPartWrite}});
    bench.kick(2);
    peers[1].send(header() + frame_of(20));
    bench.settle();
    EXPECT_TRUE(bench.queue(2).used().empty()) << "one pair at first";
    EXPECT_EQ(control(pairs_set(2), 4), kNetControlOk);
    EXPECT_EQ(attached, (std::vector<bool>{true, true}));
    EXPECT_EQ(bench.queue(2).used(), (Used{{0, 32}}));
    bench.put(tx(), header() + frame_of(30));
    bench.queue(3).offer(0, {{tx(), 42}});
    bench.kick(3);
    EXPECT_EQ(peers[1].receive(), header() + frame_of(30));
    EXPECT_EQ(control(pairs_set(1), 4), kNetControlOk);
    EXPECT_EQ(attached, (std::vector<bool>{true, false}));
    EXPECT_EQ(control(pairs_set(2), 4), kNetControlOk);
    bench.reset();
    EXPECT_EQ(attached, (std::vector<bool>{true, false}));
}

TEST_F(NetBench, ControlQueue_RefusesWhatItDoesNotKnow) {
    add_tap();
    add_tap();
    attach();
    bench.start();
    for (const std::string& request :
         {pairs_set(0), pairs_set(3), pairs_set(0x8000), std::string("\4"),
          std::string("\4\0\1", 3), std::string("\4\0\1\0\0", 5), std::string("\4\1\1\0", 4),
          std::string("\0\0\1\0", 4), std::string("\5\0\1\0", 4), std::string(4000, '\4')})
        EXPECT_EQ(control(request, 4), kNetControlError) << request.size();
    EXPECT_FALSE(bench.needs_reset());
    bench.queue(4).offer(0, {{tx(9), 1, kPartWrite}});
    bench.kick(4);
    EXPECT_EQ(bench.text(tx(9), 1)[0], kNetControlError);
    bench.put(tx(8), pairs_set(1));
    bench.queue(4).offer(0, {{tx(8), 4}});
    bench.kick(4);
    EXPECT_TRUE(bench.needs_reset()) << "nowhere to answer";
}

TEST_F(NetBench, ControlQueueWithoutMultiQueue_IsTheThird) {
    add_tap();
    add_tap();
    attach();
    bench.start(kNetMultiQueue);
    EXPECT_EQ(control(pairs_set(1), 2), kNetControlError) << "no such command then";
    bench.queue(4).offer(0, {{tx(8), 4}});
    bench.kick(4);
    EXPECT_FALSE(bench.needs_reset()) << "nobody's queue";
}

struct HostileNetCase {
    const char* name;
    unsigned queue;
    std::vector<Part> parts;
    bool breaks;
};

TEST_F(NetBench, WhatADriverMustNotDo_NeedsResetAndNothingElse) {
    const std::uint64_t end = DeviceBench::address(64);
    const HostileNetCase cases[] = {
        {"receive: to be read", 0, {{rx(0), 1500}}, true},
        {"receive: less than a header", 0, {{rx(0), 11, kPartWrite}}, true},
        {"receive: a header and no more", 0, {{rx(0), 12, kPartWrite}}, false},
        {"receive: both ways", 0, {{rx(0), 20}, {rx(1), 1500, kPartWrite}}, false},
        {"receive: no bytes", 0, {{rx(0), 0, kPartWrite}}, true},
        {"receive: 4 GiB", 0, {{rx(0), UINT32_MAX, kPartWrite}}, true},
        {"receive: beyond the end", 0, {{end - 100, 1500, kPartWrite}}, true},
        {"receive: wraps", 0, {{UINT64_MAX - 100, 1500, kPartWrite}}, true},
        {"receive: private", 0, {{rx(4), 1500, kPartWrite}}, true},
        {"send: to be written", 1, {{tx(), 100, kPartWrite}}, true},
        {"send: less than a header", 1, {{tx(), 11}}, true},
        {"send: a header only", 1, {{tx(), 12}}, false},
        {"send: both ways", 1, {{tx(), 100}, {tx(1), 100, kPartWrite}}, false},
        {"send: wrong order", 1, {{tx(), 100, kPartWrite}, {tx(1), 100}}, true},
        {"send: no bytes", 1, {{tx(), 100}, {tx(1), 0}}, true},
        {"send: 4 GiB", 1, {{tx(), UINT32_MAX}}, true},
        {"send: too much", 1, {{tx(), 30'000}, {tx(), 30'000}, {tx(), 30'000}}, false},
        {"send: beyond the end", 1, {{end - 100, 101}}, true},
        {"send: private", 1, {{rx(4), 100}}, true},
    };
    tap_device();
    bench.memory.make_private(16 + 4);
    for (const HostileNetCase& c : cases) {
        SCOPED_TRACE(c.name);
        bench.reset();
        bench.start();
        while (!peers[0].receive().empty()) {
        }
        peers[0].send(header() + frame_of(100));
        bench.queue(c.queue).offer(0, c.parts);
        bench.kick(c.queue);
        EXPECT_EQ(bench.needs_reset(), c.breaks);
        EXPECT_EQ(bench.memory.leases(), 0u);
        if (c.breaks) {
            bench.kick(0);
            bench.kick(1);
        }
    }
    bench.reset();
    bench.start();
    offer_tx(0, header() + frame_of(100));
    bench.kick(1);
    EXPECT_EQ(bench.queue(1).used(), (Used{{0, 0}})) << "it works again";
}

TEST_F(NetBench, PageThatTurnsPrivate_BreaksTheNextTurn) {
    tap_device();
    offer_rx(0, 1500);
    bench.kick(0);
    EXPECT_EQ(bench.memory.leases(), 0u) << "a conversion has nothing to wait for";
    bench.memory.make_private(16);
    peers[0].send(header() + frame_of(100));
    bench.settle();
    EXPECT_TRUE(bench.needs_reset());
}

TEST_F(NetBench, StartsAndStops_FiftyTimes) {
    add_tap();
    attach();
    for (int round = 0; round < 50; ++round) {
        bench.start(round % 2 == 0 ? 0 : kEventIdx | kNotMerged);
        for (std::uint16_t i = 0; i < 4; ++i) offer_rx(i, 1526);
        if (round % 3 != 0) bench.kick(0);
        while (!peers[0].receive().empty()) {
        }
        peers[0].send(header() + frame_of(60));
        if (round % 5 != 0) bench.settle();
        offer_tx(0, header() + frame_of(60));
        bench.frontend().notify(1);
        if (round % 4 != 0) bench.settle();
        bench.reset();
        EXPECT_EQ(bench.memory.leases(), 0u);
    }
    EXPECT_FALSE(bench.needs_reset());
}

}  // namespace
}  // namespace rvmm::devices::virtio
