// How a guest says that it has panicked, wants to be off, or has ended with a status: QEMU's
// pvpanic with a register more. Source: QEMU's docs/specs/pvpanic.rst (the bits); Linux's
// Documentation/devicetree/bindings/misc/pvpanic-mmio.txt (where they are).
//
// Registers are answered on the vCPU's own thread, which waits for nothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <utility>

#include "devices/device.hpp"

namespace rvmm::devices {

class Pvpanic final : public Device {
  public:
    static constexpr std::uint64_t kSize = 8;  // bytes of registers
    /// One byte: read, the events that count; written, one that has happened. Of several it is the
    /// first of these, as in QEMU.
    static constexpr std::uint64_t kEvents = 0;
    static constexpr std::uint8_t kPanicked = 1;
    static constexpr std::uint8_t kCrashLoaded = 2;  // and the guest goes on with another kernel
    static constexpr std::uint8_t kShutdown = 4;
    /// rvmm's own, a word: written, a status up to kMaxStatus; read, kMagic, "rvmm" in memory.
    static constexpr std::uint64_t kStatus = 4;
    static constexpr std::uint64_t kMaxStatus = 63;
    static constexpr std::uint32_t kMagic = 0x6d6d'7672;

    struct Message {
        enum class Kind : std::uint8_t { kPanicked, kCrashLoaded, kShutdown, kStatus };
        Kind kind = Kind::kPanicked;
        std::uint8_t status = 0;  // kStatus: 0 to kMaxStatus
    };
    /// On the thread of any vCPU.
    using Listener = std::function<void(const Message&)>;

    /// `listener` hears of the first crash kernel, and of the first of all else: it ends the guest.
    explicit Pvpanic(Listener listener) : listener_(std::move(listener)) {}

    std::string_view name() const override { return "pvpanic"; }
    /// Any bytes of the registers; those between and behind them are zero.
    void read(std::uint64_t offset, MutableByteSpan data) override;
    /// Of any size, at the first byte of a register. Everything else does nothing.
    void write(std::uint64_t offset, ByteSpan data) override;

  private:
    void happened(std::uint8_t events);
    void end(const Message& message);

    const Listener listener_;
    std::atomic<bool> crash_loaded_{false};
    std::atomic<bool> ended_{false};
};

}  // namespace rvmm::devices
