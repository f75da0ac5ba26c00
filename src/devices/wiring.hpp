// What devices ask of the machine's kernel: writes that become events without leaving it, and
// events that become interrupts.
#pragma once

#include <cstdint>
#include <optional>

#include "base/address.hpp"
#include "base/error.hpp"

namespace rvmm::devices {

/// Writes of the guest that say "look": of `size` bytes to `address`, and of this value if one is
/// given.
struct Doorbell {
    Ipa address;  // a plain one
    std::uint32_t size = 0;
    std::optional<std::uint64_t> value = {};

    friend bool operator==(const Doorbell&, const Doorbell&) = default;
};

/// A message-signalled interrupt: the write that a PCI function would make.
struct Message {
    std::uint64_t address = 0;  // as the guest programmed it
    std::uint32_t data = 0;
    std::uint32_t requester = 0;  // bus, device, function: the ITS's device ID

    friend bool operator==(const Message&, const Message&) = default;
};

/// Thread-safe; nothing here waits. Events are eventfds, which outlive what is connected to them.
/// Errors (Stage::kLaunch): the kernel refuses.
class Wiring {
  public:
    virtual ~Wiring() = default;

    /// From here on `event` is raised by such writes, which do not reach the device's registers.
    virtual Result<> add_doorbell(const Doorbell& doorbell, int event) = 0;
    virtual Result<> remove_doorbell(const Doorbell& doorbell, int event) = 0;

    /// `event` pulses shared peripheral interrupt `spi`, which the guest takes for edge-triggered.
    virtual Result<> connect_spi(std::uint32_t spi, int event) = 0;

    /// `event` sends a message, which is none yet; returns its number for set_message().
    virtual Result<std::uint32_t> connect_message(int event) = 0;
    /// Which message that is from here on; nothing: none.
    virtual Result<> set_message(std::uint32_t number, const std::optional<Message>& message) = 0;
};

}  // namespace rvmm::devices
