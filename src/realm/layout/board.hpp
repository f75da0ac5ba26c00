// The board: the machine's devices, addresses, interrupts and FDT nodes as plain data. The FDT is
// made from it, and vmm/ makes a device for each entry of it; nothing else decides an address.
//
// Memory map: kvmtool's arm64 map where it can be, so that guests built for that run here:
// 16550, PL031, PL061 and pvpanic from 0x1000000, virtio-mmio from 0x3000000, GICv3 below
// 0x40000000, PCI from there, RAM from 0x80000000.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/address.hpp"
#include "realm/spec/realm_spec.hpp"

namespace rvmm::realm {

inline constexpr Ipa kRamBase{0x8000'0000};
inline constexpr Ipa kUartBase{0x0100'0000};
inline constexpr std::uint64_t kUartSize = 8;  // registers; one byte apart
inline constexpr Ipa kRtcBase{0x0101'0000};
inline constexpr Ipa kGpioBase{0x0102'0000};
inline constexpr std::uint64_t kPrimecellSize = 0x1000;
inline constexpr std::uint32_t kPowerKeyLine = 3;  // of the PL061, active high
inline constexpr Ipa kPvpanicBase{0x0103'0000};
inline constexpr std::uint64_t kPvpanicSize = 8;
inline constexpr Ipa kVirtioMmioBase{0x0300'0000};
inline constexpr std::uint64_t kVirtioMmioSize = 0x200;  // a device
inline constexpr std::uint32_t kVirtioMmioSpi = 16;      // the first device's
inline constexpr std::size_t kMaxVirtioMmio = 32;
inline constexpr Ipa kPciEcamBase{0x4000'0000};
inline constexpr std::uint64_t kPciEcamSize = 0x10'0000;  // one bus
inline constexpr Ipa kPciWindowBase{0x5000'0000};
inline constexpr std::uint64_t kPciWindowSize = 0x3000'0000;
inline constexpr std::size_t kMaxPciDevices = 31;  // slot 0 is the host bridge's
inline constexpr Ipa kGicDistributorBase{0x3fff'0000};
inline constexpr std::uint64_t kGicDistributorSize = 0x1'0000;
inline constexpr std::uint64_t kGicRedistributorSize = 0x2'0000;  // a vCPU
inline constexpr std::uint64_t kGicItsSize = 0x2'0000;

struct GicBoard {
    IpaRange distributor;
    IpaRange redistributors;  // one region, vcpus * kGicRedistributorSize, ends at the distributor
    IpaRange its;             // directly below the redistributors
};

/// A device with registers. Order in Board::devices is order in the FDT.
struct DeviceBoard {
    enum class Kind : std::uint8_t { kUart16550, kPl031, kPl061PowerKey, kPvpanic };
    Kind kind;
    std::string name;  // "serial0", "rtc0", "gpio0", "pvpanic0"
    IpaRange registers;
    /// Shared peripheral interrupt number, from 0 (INTID 32 + spi); nothing: it has no interrupt.
    std::optional<std::uint32_t> spi;
};

/// Where a virtio device is that speaks virtio-mmio.
struct MmioPlace {
    IpaRange registers;
    std::uint32_t spi;
};
/// Where one is on PCI: function 0 of a slot of bus 0.
struct PciPlace {
    std::uint8_t slot;  // 1 to kMaxPciDevices
};

/// A virtio device. Order in Board::virtio is that of the spec.
struct VirtioBoard {
    std::string name;
    std::size_t spec;  // index in RealmSpec::devices
    std::variant<MmioPlace, PciPlace> place;
};

/// The PCI host: one bus, whose memory addresses are the guest's.
struct PciBoard {
    IpaRange ecam;
    IpaRange window;  // for BARs, of 32 or 64 bits, not prefetchable
};

struct CpuBoard {
    std::uint64_t mpidr;  // affinity fields only: Aff3[39:32] Aff2 Aff1 Aff0, as KVM assigns them
};

enum class PsciConduit : std::uint8_t { kSmc, kHvc };

struct Board {
    IpaRange ram;
    GicBoard gic;
    std::vector<CpuBoard> cpus;
    std::vector<DeviceBoard> devices;
    std::vector<VirtioBoard> virtio;
    std::optional<PciBoard> pci;           // there if a device is on it
    PsciConduit psci = PsciConduit::kSmc;  // realms: SMC, always; ordinary VMs: HVC
    /// SPIs that the GIC must have, a multiple of 32.
    std::uint32_t spi_count = 64;
};

/// KVM's affinity of vCPU `index`: Aff0 = index[3:0], Aff1 = index[11:4], Aff2 = index[19:12].
constexpr std::uint64_t mpidr_of(std::uint32_t index) {
    return (index & 0xfU) | (static_cast<std::uint64_t>((index >> 4) & 0xffU) << 8) |
           (static_cast<std::uint64_t>((index >> 12) & 0xffU) << 16);
}

/// The board of a spec. Errors (Stage::kConfig): RAM, or for a realm RAM in the protected half,
/// does not fit ipa_bits (an ordinary VM has 40), or more devices than a transport has room for.
Result<Board> make_board(const RealmSpec& spec);

}  // namespace rvmm::realm
