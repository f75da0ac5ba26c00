// A device behind virtio-pci, and a driver that finds it by enumeration and reaches it through
// registers, doorbells and messages alone.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "devices/pci/pci_guest.hpp"
#include "devices/virtio/driver_queue.hpp"
#include "devices/virtio/echo_device.hpp"
#include "devices/virtio/pci_transport.hpp"

namespace rvmm::devices::virtio {

// Fields of the common configuration, by the specification's offsets.
inline constexpr unsigned kCommonFeatureSelect = 0x00;
inline constexpr unsigned kCommonFeature = 0x04;
inline constexpr unsigned kCommonAcceptSelect = 0x08;
inline constexpr unsigned kCommonAccept = 0x0c;
inline constexpr unsigned kCommonConfigVector = 0x10;
inline constexpr unsigned kCommonQueues = 0x12;
inline constexpr unsigned kCommonStatus = 0x14;
inline constexpr unsigned kCommonGeneration = 0x15;
inline constexpr unsigned kCommonSelect = 0x16;
inline constexpr unsigned kCommonSize = 0x18;
inline constexpr unsigned kCommonVector = 0x1a;
inline constexpr unsigned kCommonEnable = 0x1c;
inline constexpr unsigned kCommonNotifyOff = 0x1e;
inline constexpr unsigned kCommonAreas = 0x20;

class PciBench {
  public:
    static constexpr unsigned kSlot = 4;
    static constexpr std::uint16_t kMsixEnable = 0x8000;

    PciBench();
    /// Closes the device; whoever wired wrongly fails.
    ~PciBench();

    /// Runs the loop for what is ready.
    void settle();
    void enable_function() { guest.set_command(kSlot, pci::kCommandMemory | pci::kCommandMaster); }

    /// What a vendor capability of this type says.
    struct Structure {
        std::uint64_t address = 0;
        std::uint32_t length = 0;
        std::size_t capability = 0;
    };
    Structure structure(unsigned type);

    template <std::unsigned_integral T>
    T get(unsigned field) {
        return guest.load<T>(structure(1).address + field);
    }
    template <std::unsigned_integral T>
    void set(unsigned field, T value) {
        guest.store<T>(structure(1).address + field, value);
    }
    std::uint8_t status() { return get<std::uint8_t>(kCommonStatus); }
    void add_status(std::uint8_t bit) {
        set(kCommonStatus, static_cast<std::uint8_t>(status() | bit));
    }
    /// Where to write to notify of a queue, and what doorbells there are for all queues.
    std::uint64_t bell(unsigned queue);
    std::vector<std::uint64_t> bells() const;

    std::size_t msix() { return guest.capabilities(kSlot, pci::kCapabilityMsix).at(0); }
    void set_msix(std::uint16_t control) { guest.set_config(kSlot, msix() + 2, control); }
    std::uint64_t msix_entry(unsigned vector) { return in_bar(msix() + 4) + 16UL * vector; }
    std::uint64_t pending() { return guest.load<std::uint64_t>(in_bar(msix() + 8)); }
    /// From here on vector i sends message(i).
    void enable_msix(unsigned vectors);
    static Message message(std::uint32_t vector) {
        return {.address = 0x0808'0040, .data = 100 + vector, .requester = kSlot << 3};
    }

    /// Accepts all features.
    void negotiate();
    /// Sets up all queues, too: queue i's rings lie in page i, and it uses vector i + 1.
    void start();
    void start_with_msix();
    static std::uint64_t page(std::size_t index) { return TestMemory::kBase + index * kPageSize4K; }
    void offer(unsigned queue, std::uint16_t first, std::string_view text);
    std::string answer(std::size_t size);

    asio::io_context loop{1};
    TestMemory memory{16};
    FakeWiring wiring;
    pci::PciGuest guest{wiring};
    std::shared_ptr<EchoDevice> device = std::make_shared<EchoDevice>();
    std::shared_ptr<PciTransport> transport;
    std::vector<DriverQueue> queues;

  private:
    /// What a register of the MSI-X capability points to.
    std::uint64_t in_bar(std::size_t reg) {
        const auto where = guest.config<std::uint32_t>(kSlot, reg);
        return guest.bar(kSlot, where & 7) + (where & ~7U);
    }
};

}  // namespace rvmm::devices::virtio
