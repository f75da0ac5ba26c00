// The port of virtio-console by which a program in the guest hands over a token:
// docs/attestation.md. The guest reads a line, the challenge in hex, and writes a line, the token
// in hex.
#pragma once

#include <string>
#include <string_view>

#include "devices/byte_sink.hpp"
#include "vmm/token/token_exchange.hpp"

namespace rvmm::vmm {

inline constexpr std::string_view kTokenPortName = "rvmm.token";

/// What the guest writes to the port. On the machine's loop.
class TokenPort final : public devices::ByteSink {
  public:
    /// `exchange` outlives it.
    explicit TokenPort(TokenExchange& exchange) : exchange_(exchange) {}

    /// What the guest is to read.
    std::string request() const;

    /// Takes everything. A line that is no token is passed over, with a warning the first time.
    bool put(ByteSpan bytes) override;

  private:
    void end_line();

    TokenExchange& exchange_;
    std::string line_;
    bool too_long_ = false;
    bool warned_ = false;
};

}  // namespace rvmm::vmm
