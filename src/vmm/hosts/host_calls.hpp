// The calls that a guest makes to rvmm itself: docs/host-calls.md.
#pragma once

#include <array>
#include <cstdint>

#include "devices/byte_sink.hpp"
#include "devices/shared_memory.hpp"
#include "vmm/hosts/guest_kind.hpp"
#include "vmm/token/token_exchange.hpp"

namespace rvmm::vmm {

inline constexpr std::uint32_t kHostCallVersion = 0xC600'5200;
inline constexpr std::uint32_t kHostCallPrint = 0xC600'5201;
inline constexpr std::uint32_t kHostCallReady = 0xC600'5202;
inline constexpr std::uint32_t kHostCallExit = 0xC600'5203;
inline constexpr std::uint32_t kHostCallTokenWanted = 0xC600'5204;
inline constexpr std::uint32_t kHostCallTokenGive = 0xC600'5205;
inline constexpr std::uint32_t kHostCallCount = 0x10;  // ids reserved from kHostCallVersion on

/// What KVM is to hand over where it answers everything else itself.
std::span<const kvm::SmcccRange> host_call_ranges();

class HostCalls {
  public:
    /// All outlive it. `tokens`: nullptr where nobody wants one.
    HostCalls(devices::SharedMemory& memory, devices::ByteSink& console,
              TokenExchange* tokens = nullptr)
        : memory_(memory), console_(console), tokens_(tokens) {}

    /// `gprs`: [0] is the id, then the arguments; the results replace [0] to [3], and those of
    /// TOKEN_WANTED [0] to [8]. Any thread.
    CallReply call(std::array<std::uint64_t, 31>& gprs);

  private:
    std::uint64_t print(std::uint64_t address, std::uint64_t length);
    std::uint64_t token_wanted(std::array<std::uint64_t, 31>& gprs) const;
    std::uint64_t give_token(std::uint64_t address, std::uint64_t length);

    devices::SharedMemory& memory_;
    devices::ByteSink& console_;
    TokenExchange* tokens_;
};

}  // namespace rvmm::vmm
