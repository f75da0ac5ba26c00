// Any bytes of a client on the host, in any pieces: the same line is found as in one piece, and
// what follows it is left.
#include <algorithm>

#include <fmt/format.h>

#include "devices/virtio/vsock_connect_line.hpp"
#include "fuzz/input.hpp"

namespace {

using namespace rvmm;
using namespace rvmm::devices::virtio;
using fuzz::require;
using State = VsockConnectLine::State;

void check(ByteSpan pieces, ByteSpan text) {
    VsockConnectLine whole;
    const std::size_t taken = whole.take(text);
    require(taken <= std::min(text.size(), VsockConnectLine::kMax));
    VsockConnectLine line;
    fuzz::Input sizes(pieces);
    std::size_t at = 0;
    while (line.state() == State::kMore && at < text.size()) {
        const std::size_t size =
            std::min(text.size() - at, static_cast<std::size_t>(sizes.number(1) % 8 + 1));
        at += line.take(text.subspan(at, size));
    }
    require(at == taken && line.state() == whole.state());
    if (whole.state() == State::kMore) require(taken == text.size());
    if (whole.state() != State::kPort) return;
    require(line.port() == whole.port() && text[taken - 1] == std::byte{'\n'});
    const std::string_view said(reinterpret_cast<const char*>(text.data()), taken - 1);
    require(parse_vsock_connect(said) == whole.port());
    require(said.find(fmt::format("{}", whole.port())) != said.npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteSpan bytes = std::as_bytes(std::span(data, size));
    const std::size_t pieces = std::min<std::size_t>(size, 4);
    check(bytes.first(pieces), bytes.subspan(pieces));
    return 0;
}
