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
    if (const auto* line = std::get_if<LineMessage>(&message))
        if (line->text.size() > kMaxFollowedLine) std::abort();
    if (const auto* file = std::get_if<FileMessage>(&message))
        if (file->content.size() > kMaxCollectedFile) std::abort();
    if (const auto* link = std::get_if<LinkMessage>(&message))
        if (const auto* data = std::get_if<LinkData>(&link->what))
            if (data->bytes.empty() || data->bytes.size() > kLinkWindow) std::abort();
}

/// A whole conversation with some of its bytes changed, as `edits` say: position, position, byte.
std::string edited_conversation(ByteSpan edits) {
    std::string text =
        encode(AgentMessage(HelloMessage{1})) + encode(AgentMessage(LineMessage{"a line"})) +
        encode(AgentMessage(ExitedMessage{2, false, 3, 4})) +
        encode(AgentMessage(FileMessage{0, Bytes(20, std::byte{'f'})})) +
        encode(AgentMessage(MissingMessage{1, "why"})) +
        encode(AgentMessage(LinkMessage{1, LinkData{"\x01\\{}\r\n"}})) +
        encode(AgentMessage(LinkMessage{1, LinkTaken{9}})) +
        encode(AgentMessage(LinkMessage{1, LinkEnd{}})) +
        encode(AgentMessage(LinkMessage{2, LinkClose{}})) + encode(AgentMessage(ByeMessage{}));
    for (; edits.size() >= 3; edits = edits.subspan(3))
        text[load_le<std::uint16_t>(edits) % text.size()] = static_cast<char>(edits[2]);
    return text;
}

/// Reads `bytes` in pieces of `step`.
void read_all(ByteSpan bytes, std::size_t step) {
    AgentMessageReader reader;
    while (!bytes.empty()) {
        const ByteSpan piece = bytes.first(std::min(step, bytes.size()));
        bytes = bytes.subspan(piece.size());
        reader.push(piece);
        while (true) {
            const auto message = reader.next();
            if (!message) return;
            if (!*message) break;
            check(**message);
        }
    }
}

}  // namespace

// The first byte: whether the rest is edits or the conversation itself, and in what pieces it
// comes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const ByteSpan rest = std::as_bytes(std::span(data + 1, size - 1));
    const std::size_t step = std::size_t{1} + data[0] / 2;
    if (data[0] % 2 == 0)
        read_all(rest, step);
    else
        read_all(as_bytes(edited_conversation(rest)), step);
    return 0;
}
