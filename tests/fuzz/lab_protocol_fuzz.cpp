// What the lab's agent sends, as the side outside parses it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "vmm/lab/protocol.hpp"

namespace {

using namespace rvmm;
using namespace rvmm::vmm::lab;

/// Every message that is accepted must be within the protocol's limits.
void check(const AgentMessage& message) {
    if (const auto* exited = std::get_if<ExitedMessage>(&message))
        if (exited->number < 0 || exited->number > 255) std::abort();
    if (const auto* file = std::get_if<FileMessage>(&message))
        if (file->content.size() > kMaxCollectedFile) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    // The first byte decides in what pieces the rest arrives.
    const std::size_t step = std::size_t{1} + data[0];
    ByteSpan rest = std::as_bytes(std::span(data + 1, size - 1));
    AgentMessageReader reader;
    while (!rest.empty()) {
        const ByteSpan piece = rest.first(std::min(step, rest.size()));
        rest = rest.subspan(piece.size());
        reader.push(piece);
        while (true) {
            const auto message = reader.next();
            if (!message) return 0;
            if (!*message) break;
            check(**message);
        }
    }
    return 0;
}
