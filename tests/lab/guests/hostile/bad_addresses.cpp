#include "bad_addresses.hpp"

#include "cpu.hpp"
#include "machine.hpp"
#include "pool.hpp"
#include "runtime.hpp"

namespace guest::hostile {
namespace {

constexpr std::uint64_t kUart = 0x100'0000;
constexpr std::uint64_t kHighestSharedBit = std::uint64_t{1} << 48;

std::uint64_t was_shared;

/// Where something begins that lies half before `border` and half behind it.
std::uint64_t across(std::uint64_t border, std::uint32_t size) {
    const std::uint64_t half = size < 32 ? (size + 1) / 2 : size / 2 & ~std::uint64_t{15};
    return border - half;
}

}  // namespace

bool prepare_bad_addresses() {
    was_shared = take_pages(1);
    return was_shared != 0 && make_private(was_shared, 1);
}

std::uint64_t address_of(Bad kind, std::uint32_t size) {
    const std::uint64_t shared_bit = realm().shared_bit;
    switch (kind) {
        case Bad::kZero:
            return 0;
        case Bad::kBelowRam:
            return across(machine().ram[0].base | shared_bit, size);
        case Bad::kRegisters:
            return kUart | shared_bit;
        case Bad::kRamEnd:
            return ram_end();
        case Bad::kOverRamEnd:
            return across(ram_end(), size);
        case Bad::kWraps:
            return across(0, size);
        case Bad::kLastByte:
            return 0 - std::uint64_t{size};
        case Bad::kTopBit:
            return spare() | std::uint64_t{1} << 63;
        case Bad::kBitTooMany:
            return spare() | kHighestSharedBit;
        case Bad::kPrivate:
            return private_page();
        case Bad::kPrivateShared:
            return private_page() | shared_bit;
        case Bad::kOverPrivate:
            return across(private_page() | shared_bit, size);
        default:
            return was_shared;
    }
}

}  // namespace guest::hostile
