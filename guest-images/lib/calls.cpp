#include "calls.hpp"

#include "cpu.hpp"
#include "rsi.hpp"

namespace guest {
namespace {

constexpr std::uint64_t kHostPrint = 0xC600'5201;
constexpr std::uint64_t kHostReady = 0xC600'5202;
constexpr std::uint64_t kHostExit = 0xC600'5203;
constexpr std::uint64_t kHostTokenWanted = 0xC600'5204;
constexpr std::uint64_t kHostTokenGive = 0xC600'5205;
constexpr std::uint64_t kFailureStatus = 63;

bool conduit_is_hvc;

Registers conduit_call(std::uint64_t function, std::uint64_t a, std::uint64_t b, std::uint64_t c) {
    Registers registers{{function, a, b, c}};
    if (conduit_is_hvc) {
        guest_hvc(&registers);
    } else {
        guest_smc(&registers);
    }
    return registers;
}

std::int64_t host_call(std::uint64_t function, std::uint64_t a = 0, std::uint64_t b = 0) {
    if (realm().active) return rsi_host_call(function, a, b);
    return static_cast<std::int64_t>(conduit_call(function, a, b, 0).x[0]);
}

}  // namespace

void use_hvc() {
    conduit_is_hvc = true;
}

std::int64_t psci(std::uint64_t function, std::uint64_t a, std::uint64_t b, std::uint64_t c) {
    // PSCI results are 32 bits wide for SMC32 functions.
    const std::uint64_t result = conduit_call(function, a, b, c).x[0];
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(result));
}

std::int64_t host_print(std::uint64_t address, std::size_t size) {
    sync_caches(reinterpret_cast<const void*>(address), size);
    return host_call(kHostPrint, address, size);
}

std::int64_t host_ready() {
    return host_call(kHostReady);
}

bool host_wants_token(std::uint64_t (&challenge)[8]) {
    if (!realm().active || rsi_host_call(kHostTokenWanted, 0, 0) != 0) return false;
    for (std::size_t i = 0; i < 8; ++i) challenge[i] = rsi_host_result(1 + i);
    return true;
}

std::int64_t host_give_token(std::uint64_t address, std::size_t size) {
    sync_caches(reinterpret_cast<const void*>(address), size);
    return host_call(kHostTokenGive, address, size);
}

void host_exit(std::uint64_t status) {
    host_call(kHostExit, status);
    host_call(kHostExit, kFailureStatus);
    psci(kPsciSystemOff);
    wait_forever();
}

}  // namespace guest
