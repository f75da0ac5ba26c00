// The port of virtio-console by which a program in the guest hands over a token:
// docs/attestation.md. The guest reads a line, the challenge in hex, and writes a line, the token
// in hex.
#pragma once

#include <string>
#include <string_view>

#include "vmm/console/line_port.hpp"
#include "vmm/token/token_exchange.hpp"

namespace rvmm::vmm {

inline constexpr std::string_view kTokenPortName = "rvmm.token";

/// What the guest writes to the port. On the machine's loop.
class TokenPort final : public LinePort {
  public:
    /// `exchange` outlives it.
    explicit TokenPort(TokenExchange& exchange)
        : LinePort(kTokenPortName, 2 * TokenExchange::kMaxSize, "no token"), exchange_(exchange) {}

    /// What the guest is to read.
    std::string request() const;

  private:
    bool take(std::string_view line) override;

    TokenExchange& exchange_;
};

}  // namespace rvmm::vmm
