// What a guest is linked around: it defines guest_main(), and finds the machine it runs on here.
//
// Before guest_main() the runtime has read the device tree and looked for a realm; the console
// works. An exception anywhere prints where it was and ends the run with kPanicStatus.
#pragma once

#include <cstdint>

#include "machine.hpp"

namespace guest {

// Exit statuses of the runtime. A guest's own begin at kFirstGuestStatus.
inline constexpr std::uint64_t kBadMachineStatus = 40;      // no usable device tree
inline constexpr std::uint64_t kBadRealmConfigStatus = 41;  // REALM_CONFIG failed or is nonsense
inline constexpr std::uint64_t kFirstGuestStatus = 42;
inline constexpr std::uint64_t kPanicStatus = 63;

/// The guest itself. The result is the run's exit status, 0 to 63.
std::uint64_t guest_main();

const Machine& machine();

/// True if the kernel command line has `word` between its spaces.
bool has_argument(const char* word);
/// The decimal number N of a word "<prefix>N"; false if there is none.
bool number_argument(const char* prefix, std::uint64_t& out);

}  // namespace guest
