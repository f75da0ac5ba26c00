#include "realm/layout/board.hpp"

#include "base/text.hpp"

namespace rvmm::realm {
namespace {

constexpr unsigned kVmIpaBits = 40;
constexpr std::uint32_t kUartSpi = 0;

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

// The largest machine's interrupt controller still lies above the UART.
static_assert(kGicDistributorBase.value - kMaxVcpus * kGicRedistributorSize - kGicItsSize >
              kUartBase.value + kUartSize);

}  // namespace

Result<Board> make_board(const RealmSpec& spec) {
    Board board;
    RVMM_TRY(board.ram, place_ram(spec));
    board.gic = place_gic(spec.machine.vcpus);
    for (std::uint32_t i = 0; i < spec.machine.vcpus; ++i)
        board.cpus.push_back({.mpidr = mpidr_of(i)});
    board.devices.push_back({.kind = DeviceBoard::Kind::kUart16550,
                             .name = "serial0",
                             .registers = fixed(kUartBase, kUartSize),
                             .spi = kUartSpi});
    board.psci = spec.realm ? PsciConduit::kSmc : PsciConduit::kHvc;
    return board;
}

}  // namespace rvmm::realm
