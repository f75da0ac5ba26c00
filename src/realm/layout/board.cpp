#include "realm/layout/board.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace rvmm::realm {
namespace {

constexpr unsigned kVmIpaBits = 40;
constexpr std::uint32_t kUartSpi = 0;
constexpr std::uint32_t kRtcSpi = 1;
constexpr std::uint32_t kGpioSpi = 2;

/// The fewest bits that an address below `top` fits.
unsigned bits_below(Ipa top) {
    unsigned bits = 0;
    while ((std::uint64_t{1} << bits) < top.value) ++bits;
    return bits;
}

Result<IpaRange> place_ram(const RealmSpec& spec) {
    const auto ram = IpaRange::make(kRamBase, spec.machine.memory);
    if (!ram || spec.machine.memory > kMaxMemory)
        return fail(Stage::kConfig, "machine.memory {} is too large: at most {}",
                    format_size(spec.machine.memory), format_size(kMaxMemory));
    const unsigned needed = bits_below(ram->top());
    if (!spec.realm && needed > kVmIpaBits)
        return fail(Stage::kConfig,
                    "machine.memory {} does not fit an ordinary VM: RAM starts at {}, addresses "
                    "end at {}",
                    format_size(ram->size()), format_size(kRamBase.value),
                    format_size(1ULL << kVmIpaBits));
    if (spec.realm && needed > spec.realm->ipa_bits - 1)
        return fail(Stage::kConfig,
                    "machine.memory {} does not fit realm.ipa_bits {}: RAM starts at {}, the "
                    "protected half ends at {}; ipa_bits must be at least {}",
                    format_size(ram->size()), spec.realm->ipa_bits, format_size(kRamBase.value),
                    format_size(1ULL << (spec.realm->ipa_bits - 1)), needed + 1);
    return *ram;
}

/// For ranges of which both ends are known here.
constexpr IpaRange fixed(Ipa base, std::uint64_t size) {
    return IpaRange::make(base, size).value_or(IpaRange());
}

GicBoard place_gic(std::uint32_t vcpus) {
    const std::uint64_t redistributors = vcpus * kGicRedistributorSize;
    const Ipa redistributor_base{kGicDistributorBase.value - redistributors};
    const Ipa its_base{redistributor_base.value - kGicItsSize};
    return {.distributor = fixed(kGicDistributorBase, kGicDistributorSize),
            .redistributors = fixed(redistributor_base, redistributors),
            .its = fixed(its_base, kGicItsSize)};
}

std::vector<DeviceBoard> place_devices(const MachineSpec& machine) {
    using Kind = DeviceBoard::Kind;
    std::vector<DeviceBoard> devices;
    const auto add = [&](Kind kind, std::string_view name, IpaRange registers,
                         std::optional<std::uint32_t> spi) {
        devices.push_back({kind, std::string(name), registers, spi});
    };
    add(Kind::kUart16550, kSerialName, fixed(kUartBase, kUartSize), kUartSpi);
    if (machine.rtc) add(Kind::kPl031, kRtcName, fixed(kRtcBase, kPrimecellSize), kRtcSpi);
    if (machine.power_key)
        add(Kind::kPl061PowerKey, kGpioName, fixed(kGpioBase, kPrimecellSize), kGpioSpi);
    if (machine.pvpanic) add(Kind::kPvpanic, kPvpanicName, fixed(kPvpanicBase, kPvpanicSize), {});
    return devices;
}

/// The next place of each transport.
struct VirtioPlaces {
    std::size_t mmio = 0;  // how many are taken
    std::size_t pci = 0;

    Result<std::variant<MmioPlace, PciPlace>> next(const DeviceSpec& device) {
        if (device.transport == Transport::kPci) {
            if (pci == kMaxPciDevices) return full(device, kMaxPciDevices, Transport::kMmio);
            return PciPlace{static_cast<std::uint8_t>(++pci)};
        }
        if (mmio == kMaxVirtioMmio) return full(device, kMaxVirtioMmio, Transport::kPci);
        const std::size_t index = mmio++;
        return MmioPlace{fixed(kVirtioMmioBase + index * kVirtioMmioSize, kVirtioMmioSize),
                         kVirtioMmioSpi + static_cast<std::uint32_t>(index)};
    }

    static std::unexpected<Error> full(const DeviceSpec& device, std::size_t most,
                                       Transport other) {
        return fail(Stage::kConfig,
                    "no room for the device {}: transport \"{}\" takes {} of them; give it "
                    "transport = \"{}\"",
                    device.name, to_string(device.transport), most, to_string(other));
    }
};

Result<std::vector<VirtioBoard>> place_virtio(const std::vector<DeviceSpec>& devices) {
    std::vector<VirtioBoard> placed;
    VirtioPlaces places;
    for (std::size_t i = 0; i < devices.size(); ++i) {
        RVMM_TRY(const auto place, places.next(devices[i]));
        placed.push_back({devices[i].name, i, place});
    }
    return placed;
}

bool on_pci(const VirtioBoard& device) {
    return std::holds_alternative<PciPlace>(device.place);
}

// The largest machine's interrupt controller still lies above the other devices.
static_assert(kGicDistributorBase.value - kMaxVcpus * kGicRedistributorSize - kGicItsSize >
              kVirtioMmioBase.value + kMaxVirtioMmio * kVirtioMmioSize);

}  // namespace

Result<Board> make_board(const RealmSpec& spec) {
    Board board;
    RVMM_TRY(board.ram, place_ram(spec));
    board.gic = place_gic(spec.machine.vcpus);
    for (std::uint32_t i = 0; i < spec.machine.vcpus; ++i)
        board.cpus.push_back({.mpidr = mpidr_of(i)});
    board.devices = place_devices(spec.machine);
    RVMM_TRY(board.virtio, place_virtio(spec.devices));
    if (std::ranges::any_of(board.virtio, on_pci))
        board.pci = PciBoard{.ecam = fixed(kPciEcamBase, kPciEcamSize),
                             .window = fixed(kPciWindowBase, kPciWindowSize)};
    board.psci = spec.realm ? PsciConduit::kSmc : PsciConduit::kHvc;
    return board;
}

}  // namespace rvmm::realm
