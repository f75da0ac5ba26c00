// The console device: the guest's terminal, and further ports that carry bytes to and from programs
// in the guest. Source: virtio 1.3, section 5.3.
//
// Without the feature MULTIPORT there is port 0 alone, which is open as long as the driver runs;
// with it the driver is told of the ports, and opens and closes them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <asio/io_context.hpp>

#include "devices/virtio/console_port.hpp"

namespace rvmm::devices::virtio {

struct ConsoleSize {
    std::uint16_t columns = 0;
    std::uint16_t rows = 0;
};

struct ConsoleSetup {
    std::string name;
    /// Port 0 first; it should be a console port.
    std::vector<ConsolePortSetup> ports;
    /// What console ports are told. Linux before 6.15 swaps the numbers (its commit 5326ab737a47).
    std::optional<ConsoleSize> size = {};
    /// A byte that the driver writes to the configuration space goes to port 0, with or without a
    /// driver that runs; it is lost if the sink has no room.
    bool emergency_write = false;
};

/// On the machine's loop.
class Console final : public Device, public std::enable_shared_from_this<Console> {
  public:
    /// A device has at most 64 queues.
    static constexpr std::size_t kMaxPorts = 31;
    static constexpr std::size_t kMaxPortName = 255;
    // Features.
    static constexpr std::uint64_t kSize = 1U << 0;
    static constexpr std::uint64_t kMultiport = 1U << 1;
    static constexpr std::uint64_t kEmergencyWrite = 1U << 2;

    /// `loop` outlives it. Errors (Stage::kInternal): no port or too many, a port without a sink, a
    /// name that is too long.
    static Result<std::shared_ptr<Console>> create(asio::io_context& loop, ConsoleSetup setup);

    /// Bytes for the guest; returns how many were taken (the rest is for later: see
    /// set_input_wanted()): none while the port is closed.
    std::size_t input(unsigned port, ByteSpan bytes);
    /// `wanted` is called when input that was refused before would be taken now. It must not call
    /// back: it posts.
    void set_input_wanted(unsigned port, std::function<void()> wanted);
    /// To be called when the port's sink, having refused bytes, has room again.
    void output_drained(unsigned port);
    /// Whether the guest reads this port.
    bool is_open(unsigned port) const { return ports_[port].data.is_open(); }
    /// `changed` is called when that has changed. It must not call back: it posts.
    void set_open_changed(std::function<void(unsigned port, bool open)> changed);

    std::string_view name() const override { return setup_.name; }
    std::uint16_t type() const override { return 3; }
    std::uint64_t features() const override;
    std::span<const std::uint16_t> queue_sizes() const override { return queue_sizes_; }
    Bytes config() const override;

    void start(Session& session) override;
    void notify(unsigned queue) override;
    void stop(std::function<void()> stopped) override;
    void config_written(std::uint64_t offset, ByteSpan data) override;
    std::vector<Counter> counters() const override;

  private:
    /// What the driver is yet to be told of a port, in this order. So few bits hold everything: a
    /// driver that gives no buffers makes nothing grow.
    enum Message : std::uint8_t { kAdd, kConsole, kResize, kName, kOpen };
    struct Port {
        ConsolePort data;
        bool announced = false;
        std::uint8_t to_tell = 0;  // a bit for each Message
        bool goes_on = false;      // a turn of output was asked for
    };
    /// A message of the driver: section 5.3.6.2.
    struct Control {
        std::uint32_t port;
        std::uint16_t event;
        std::uint16_t value;
    };

    Console(asio::io_context& loop, ConsoleSetup setup);

    void transmit(unsigned port);
    void receive(unsigned port);
    void set_open(unsigned port, bool open);
    void hear();
    void obey(const Control& control);
    void announce_ports();
    void port_ready(Port& port) const;
    void tell();
    Result<> tell_all(ReadyQueue& queue);
    Bytes message(unsigned port, Message what) const;
    void fail(Error error);
    void close_ports();
    /// Whether the queue is whole; if not, the driver broke it.
    bool whole(const ReadyQueue* queue);

    asio::io_context& loop_;
    ConsoleSetup setup_;
    std::vector<std::uint16_t> queue_sizes_;
    std::vector<Port> ports_;
    std::function<void(unsigned, bool)> open_changed_;
    Session* session_ = nullptr;
    bool failed_ = false;  // until the driver resets the device
    std::uint64_t ignored_ = 0;
};

}  // namespace rvmm::devices::virtio
