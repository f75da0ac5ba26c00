// A console of three ports with its driver: what the tests of the console share.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "devices/virtio/console.hpp"
#include "devices/virtio/device_bench.hpp"

namespace rvmm::devices::virtio {

/// Takes pieces while there is room.
struct PieceSink final : ByteSink {
    bool put(ByteSpan bytes) override {
        if (text.size() + bytes.size() > room) return false;
        text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        ++pieces;
        return true;
    }
    std::string text;
    std::size_t pieces = 0;
    std::size_t room = SIZE_MAX;
};

/// Ports: 0, a console; 1, "org.test.0"; 2, "log".
class ConsoleBench : public ::testing::Test {
  protected:
    static constexpr unsigned kControlIn = 2;
    static constexpr unsigned kControlOut = 3;
    enum : std::uint16_t { kReady, kAdded, kRemoved, kPortIsReady, kIsConsole, kResized, kOpened };

    void SetUp() override {
        setup.ports = {{"", &sinks[0], true}, {"org.test.0", &sinks[1]}, {"log", &sinks[2]}};
    }
    void attach() {
        auto made = Console::create(bench.loop, setup);
        ASSERT_TRUE(made) << made.error().message();
        console = *std::move(made);
        console->set_open_changed(
            [this](unsigned port, bool open) { changes.emplace_back(port, open); });
        bench.attach(console);
    }
    void start(std::uint64_t refused = 0) {
        if (!console) attach();
        bench.start(refused);
        // Each buffer for control messages has 64 bytes.
        for (std::uint16_t i = 0; i < DeviceBench::kQueueSize; ++i)
            bench.queue(kControlIn).offer(i, {{control_buffer(i), 64, kPartWrite}});
        bench.kick(kControlIn);
    }
    /// A driver that has all ports ready, and opened.
    void start_open() {
        start();
        control(UINT32_MAX, kReady, 1);
        for (std::uint32_t port = 0; port < 3; ++port) {
            control(port, kPortIsReady, 1);
            control(port, kOpened, 1);
        }
        (void)told();
    }
    static std::uint64_t control_buffer(std::size_t i) { return DeviceBench::address(10, 64 * i); }
    void control(std::uint32_t port, std::uint16_t event, std::uint16_t value) {
        Bytes bytes(8);
        store_le(MutableByteSpan(bytes), port);
        store_le(MutableByteSpan(bytes).subspan(4), event);
        store_le(MutableByteSpan(bytes).subspan(6), value);
        control(bytes);
    }
    void control(ByteSpan bytes) {
        bench.put(kOut, bytes);
        bench.queue(kControlOut).offer(0, {{kOut, static_cast<std::uint32_t>(bytes.size())}});
        bench.kick(kControlOut);
    }
    /// What the driver was told since the last call, as "port:event:value text"; the buffers are
    /// given again.
    std::vector<std::string> told() {
        std::vector<std::string> messages;
        for (const auto& [id, length] : bench.queue(kControlIn).used()) {
            const ByteSpan bytes = bench.memory.at(control_buffer(id), 64);
            std::string text = fmt::format("{}:{}:{}", load_le<std::uint32_t>(bytes),
                                           load_le<std::uint16_t>(bytes.subspan(4)),
                                           load_le<std::uint16_t>(bytes.subspan(6)));
            if (length > 8) text += " " + bench.text(control_buffer(id) + 8, length - 8);
            messages.push_back(text);
            bench.queue(kControlIn)
                .offer(static_cast<std::uint16_t>(id), {{control_buffer(id), 64, kPartWrite}});
        }
        return messages;
    }
    void write(unsigned queue, std::uint16_t first, std::string_view text) {
        bench.put(kOut, text);
        bench.queue(queue).offer(first, {{kOut, static_cast<std::uint32_t>(text.size())}});
        bench.kick(queue);
    }
    std::uint64_t counter(std::size_t index) const { return console->counters()[index].value; }

    static constexpr std::uint64_t kOut = TestMemory::kBase + 12 * kPageSize4K;
    static constexpr std::uint64_t kIn = TestMemory::kBase + 30 * kPageSize4K;
    using Changes = std::vector<std::pair<unsigned, bool>>;
    using Messages = std::vector<std::string>;
    using Used = std::vector<DriverQueue::Used>;

    std::array<PieceSink, 3> sinks;
    ConsoleSetup setup{.name = "console0", .ports = {}};
    std::shared_ptr<Console> console;
    Changes changes;
    DeviceBench bench;
};

}  // namespace rvmm::devices::virtio
