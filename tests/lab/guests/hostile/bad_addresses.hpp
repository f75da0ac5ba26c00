// Addresses that a device must not touch, and what they are.
#pragma once

#include <cstddef>
#include <cstdint>

#include "rsi.hpp"

namespace guest::hostile {

enum class Bad : std::uint8_t {
    kZero,
    kBelowRam,
    kRegisters,
    kRamEnd,
    kOverRamEnd,
    kWraps,
    kLastByte,
    kTopBit,
    kBitTooMany,
    kPrivate,
    kPrivateShared,
    kOverPrivate,
    kWasShared,
};

struct BadAddress {
    Bad kind;
    bool realm_only;
    char name[38];
};

inline constexpr BadAddress kBadAddresses[] = {
    {Bad::kZero, false, "0"},
    {Bad::kBelowRam, false, "before RAM, into it"},
    {Bad::kRegisters, false, "registers of a device"},
    {Bad::kRamEnd, false, "behind RAM"},
    {Bad::kOverRamEnd, false, "over the end of RAM"},
    {Bad::kWraps, false, "wraps around 2^64"},
    {Bad::kLastByte, false, "ends at 2^64"},
    {Bad::kTopBit, false, "RAM with bit 63"},
    {Bad::kBitTooMany, false, "RAM with a bit above the shared one"},
    {Bad::kPrivate, true, "private, without the shared bit"},
    {Bad::kPrivateShared, true, "private, with the shared bit"},
    {Bad::kOverPrivate, true, "shared, into private"},
    {Bad::kWasShared, true, "private, shared before"},
};

/// Takes the memory that some of them need. To be called once.
bool prepare_bad_addresses();

/// Where `size` bytes (less than a page) would lie; aligned to 16 if `size` is.
std::uint64_t address_of(Bad kind, std::uint32_t size);

/// Calls action(name, kind) for each that means something here.
template <class Action>
void for_each_bad_address(Action action) {
    for (const BadAddress& bad : kBadAddresses) {
        if (!bad.realm_only || realm().active) action(bad.name, bad.kind);
    }
}

}  // namespace guest::hostile
