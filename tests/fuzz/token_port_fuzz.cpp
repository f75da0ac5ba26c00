// Any bytes as what a guest writes to the port for tokens, in two pieces: a line that is hex
// digits, and no other, is the token.
#include <cstdlib>
#include <optional>

#include "vmm/token/token_port.hpp"

namespace {

using namespace rvmm;
using namespace rvmm::vmm;

/// The last line that is a token.
std::optional<Bytes> expected(std::string_view text) {
    std::optional<Bytes> token;
    for (std::size_t end = 0; (end = text.find('\n')) != std::string_view::npos;) {
        std::string line(text.substr(0, end));
        std::erase(line, '\r');
        if (auto bytes = from_hex(line); bytes && !bytes->empty()) token = std::move(bytes);
        text.remove_prefix(end + 1);
    }
    return token;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteSpan input = std::as_bytes(std::span(data, size));
    TokenExchange exchange({});
    TokenPort port(exchange);
    port.put(input.first(size / 2));
    port.put(input.subspan(size / 2));
    if (size <= TokenExchange::kMaxSize &&
        exchange.token() != expected({reinterpret_cast<const char*>(data), size}))
        std::abort();
    return 0;
}
