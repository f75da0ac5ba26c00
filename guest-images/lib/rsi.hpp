// The Realm Services Interface (DEN0137), as far as these guests use it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace guest {

enum class Ripas : std::uint64_t { kEmpty = 0, kRam = 1 };

struct Realm {
    bool active;            // false in an ordinary VM: then all else is zero
    std::uint64_t version;  // the highest that the RMM has: major << 16, minor
    std::uint64_t ipa_bits;
    std::uint64_t hash;        // 0 SHA-256, 1 SHA-512, 2 SHA-384
    std::uint64_t shared_bit;  // set in an address, it selects the shared alias
};

/// What probe_realm() found.
const Realm& realm();

/// Asks for RSI 1.0 and, if it is there, reads the realm's configuration. False if RSI is there but
/// the configuration cannot be had. Only where SMC is PSCI's conduit.
bool probe_realm();

/// Makes [base, end) shared (EMPTY) or private (RAM), in as many steps as the RMM wants. False if
/// it is refused or does not get on.
bool set_ipa_state(std::uint64_t base, std::uint64_t end, Ripas ripas);

/// RIM (0) or REM 1 to 4, in memory order.
struct Measurement {
    std::uint64_t words[8];
};
bool read_measurement(std::uint64_t index, Measurement& out);
/// Extends REM `index` (1 to 4) by the first `size` (0 to 64) bytes of `value`.
bool extend_measurement(std::uint64_t index, const Measurement& value, std::size_t size);

/// Writes the attestation token for `challenge` into `page`, a granule of private memory, in pieces
/// of its own granule. Returns its size in bytes, at most 4096; 0 if there is none.
std::size_t attestation_token(const std::uint64_t (&challenge)[8], void* page);

/// RSI_HOST_CALL with gprs[0] to gprs[2]; returns gprs[0], or -1 if the RMM refuses the call.
std::int64_t rsi_host_call(std::uint64_t function, std::uint64_t a, std::uint64_t b);
/// gprs[index] as the last such call left it; `index` is 0 to 30.
std::uint64_t rsi_host_result(std::size_t index);

}  // namespace guest
