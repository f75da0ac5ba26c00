// SMCCC, PSCI and host calls. The conduit is the one that the FDT's /psci node names.
#pragma once

#include <cstddef>
#include <cstdint>

namespace guest {

/// X0 to X10: arguments before a call, results after it. Known to start.S.
struct Registers {
    std::uint64_t x[11];
};

extern "C" void guest_smc(Registers* registers);
extern "C" void guest_hvc(Registers* registers);

template <class... Arguments>
Registers smc(std::uint64_t function, Arguments... arguments) {
    Registers registers{{function, static_cast<std::uint64_t>(arguments)...}};
    guest_smc(&registers);
    return registers;
}

/// HVC instead of SMC for PSCI and, outside realms, for host calls. SMC until this is called.
void use_hvc();

inline constexpr std::uint64_t kPsciCpuOff = 0x8400'0002;
inline constexpr std::uint64_t kPsciCpuOn = 0xC400'0003;
inline constexpr std::uint64_t kPsciSystemOff = 0x8400'0008;
inline constexpr std::uint64_t kPsciSystemReset = 0x8400'0009;

/// Returns what PSCI answers: 0 or a negative error.
std::int64_t psci(std::uint64_t function, std::uint64_t a = 0, std::uint64_t b = 0,
                  std::uint64_t c = 0);

// docs/host-calls.md. Results: 0, or a negative error. For the boot CPU alone.

/// `address` is memory that the host may read: in a realm, a page that was shared.
std::int64_t host_print(std::uint64_t address, std::size_t size);
std::int64_t host_ready();
/// True if the host wants an attestation token, and for which challenge.
bool host_wants_token(std::uint64_t (&challenge)[8]);
/// As host_print().
std::int64_t host_give_token(std::uint64_t address, std::size_t size);
/// Ends the run with `status`; where the host does not know that call, powers off.
[[noreturn]] void host_exit(std::uint64_t status);

}  // namespace guest
