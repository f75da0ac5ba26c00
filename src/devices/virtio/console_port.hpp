// The data of one port of a console device: what the guest writes goes to a sink, as fast as that
// takes it; what comes for the guest waits for its buffers. Source: virtio 1.3, section 5.3.6.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "devices/byte_sink.hpp"
#include "devices/virtio/device.hpp"

namespace rvmm::devices::virtio {

/// What a port is, all its life.
struct ConsolePortSetup {
    /// The guest's udev makes /dev/virtio-ports/NAME of it. May be empty.
    std::string name;
    /// Takes at least ConsolePort::kPiece bytes at once when it is empty; outlives the device.
    ByteSink* output = nullptr;
    /// The guest makes a terminal of it: hvc0 of the first one.
    bool console = false;
};

/// On the machine's loop.
class ConsolePort {
  public:
    /// Bytes that are put at once.
    static constexpr std::size_t kPiece = 4096;
    /// Bytes that wait for the guest's buffers.
    static constexpr std::size_t kInputLimit = 4096;

    explicit ConsolePort(ConsolePortSetup setup) : setup_(std::move(setup)) {}

    const ConsolePortSetup& setup() const { return setup_; }

    /// Uses the port's queues; one that the driver did not set up is nullptr.
    void start(ReadyQueue* receive, ReadyQueue* transmit);
    /// Drops what is under way, both ways.
    void stop();

    /// Puts out what the driver made available, until the sink has no room, there is no more, or
    /// the turn is over: then true, and there is more. Errors (Stage::kGuest): not a chain of
    /// output. A broken queue is no error here: its owner knows.
    Result<bool> transmit();
    /// Gives the driver what waits for it. Errors (Stage::kGuest): not a chain for input.
    Result<> receive();

    /// Whether the guest reads the port. A port that is closed forgets what waits.
    bool is_open() const { return open_; }
    void set_open(bool open);
    /// Takes bytes for the guest, if the port is open and there is room; returns how many. They are
    /// not delivered before receive().
    std::size_t take_input(ByteSpan bytes);
    /// `wanted` is called (on the loop, from within receive() and set_open()) when input that was
    /// refused before would be taken now.
    void set_input_wanted(std::function<void()> wanted) { input_wanted_ = std::move(wanted); }

    std::uint64_t bytes_in() const { return bytes_in_; }
    std::uint64_t bytes_out() const { return bytes_out_; }

  private:
    /// A chain of output, and how much of it the sink has.
    struct Held {
        Chain chain;
        std::uint64_t done = 0;
    };
    bool put_piece();
    Result<bool> next_output(ReadyQueue::Visit& visit);
    Result<> fill_buffers(ReadyQueue::Visit& visit);
    void ask_for_input();

    ConsolePortSetup setup_;
    std::function<void()> input_wanted_;
    ReadyQueue* receive_ = nullptr;
    ReadyQueue* transmit_ = nullptr;
    std::optional<Held> held_;
    Bytes input_;
    bool open_ = false;
    bool input_refused_ = false;
    std::uint64_t bytes_in_ = 0;
    std::uint64_t bytes_out_ = 0;
};

}  // namespace rvmm::devices::virtio
