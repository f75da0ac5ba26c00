// The line that a client on the host begins with: "CONNECT <port>\n". Source: Firecracker,
// docs/vsock.md. As there, case and further blanks do not matter.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.hpp"

namespace rvmm::devices::virtio {

/// The port that a line, without its end, names; nothing if it is none.
std::optional<std::uint32_t> parse_vsock_connect(std::string_view line);

/// A line that comes in pieces.
class VsockConnectLine {
  public:
    static constexpr std::size_t kMax = 32;  // bytes, with the end of the line

    enum class State : std::uint8_t { kMore, kPort, kBad };
    /// Takes what belongs to the line from the front of `bytes`; returns how much that is. Only
    /// while the state is kMore.
    std::size_t take(ByteSpan bytes);
    State state() const { return state_; }
    /// If the state is kPort.
    std::uint32_t port() const { return port_; }

  private:
    std::array<char, kMax> line_ = {};
    std::size_t size_ = 0;
    State state_ = State::kMore;
    std::uint32_t port_ = 0;
};

}  // namespace rvmm::devices::virtio
