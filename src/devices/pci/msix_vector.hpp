// One MSI-X vector's way to the guest: an event that the kernel turns into a message, or a pending
// bit while there is none to send. Source: PCI Local Bus 3.0, section 6.8.3.5.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "base/event.hpp"
#include "devices/wiring.hpp"

namespace rvmm::devices::pci {

class MsixVector {
  public:
    /// `wiring` outlives it; `name` is for errors (Stage::kLaunch).
    static Result<std::unique_ptr<MsixVector>> create(Wiring& wiring, std::string_view name);

    /// Any thread, never waits: the message is sent now, or when there is one.
    void raise();
    bool pending() const { return (state_.load() & kPending) != 0; }

    // One caller at a time.

    /// What is sent from here on; nothing: what is raised is pending. Without the wiring's consent
    /// it is pending too, and the error says so.
    Result<> set_message(const std::optional<Message>& message);
    /// Nothing is pending any more.
    void forget() { state_ &= ~kPending; }

  private:
    MsixVector(Wiring& wiring, Event event, std::uint32_t number)
        : wiring_(wiring), event_(std::move(event)), number_(number) {}
    void open();
    void close();

    // The state is one word, so that raise() takes no lock that is held while the kernel is asked
    // for something: open or pending, never both, and how often it was closed. Who raised the event
    // while open, but finds that it was closed meanwhile, may have been too late, and starts again:
    // an interrupt too many is harmless, one too few is not.
    static constexpr std::uint64_t kOpen = 1;
    static constexpr std::uint64_t kPending = 2;
    static constexpr std::uint64_t kClosedOnce = 4;

    Wiring& wiring_;
    Event event_;
    std::uint32_t number_;
    std::optional<Message> message_;
    std::atomic<std::uint64_t> state_{0};
};

}  // namespace rvmm::devices::pci
