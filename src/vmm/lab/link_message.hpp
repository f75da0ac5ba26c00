// Connections from a socket outside a lab to one inside: their part of the protocol (protocol.hpp).
//
//   outside                                                       agent
//   {"link": {"id": 1, "open": "/path"}}        ->
//   {"link": {"id": 1, "data": "..."}}        <-  ->    escaped: see escape()
//   {"link": {"id": 1, "taken": 4096}}        <-  ->    these bytes have been passed on
//   {"link": {"id": 1, "end": true}}          <-  ->    no more data: a half-closed connection
//   {"link": {"id": 1, "close": true}}        <-  ->    no more of anything; both sides say it
//
// A side sends no more than kLinkWindow bytes that the other has not taken. An id is free again,
// and means nothing, when both sides have closed it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include <nlohmann/json_fwd.hpp>

namespace rvmm::vmm::lab {

inline constexpr std::size_t kLinkWindow = 16 << 10;  // bytes
inline constexpr std::size_t kMaxLinks = 64;          // at once
inline constexpr std::size_t kMaxSocketPath = 107;    // bytes, as Linux has it

struct LinkOpen {
    std::string path;  // absolute, of a listening Unix stream socket in the lab; UTF-8
};
struct LinkData {
    std::string bytes;  // 1 to kLinkWindow
};
struct LinkTaken {
    std::size_t bytes = 0;  // 1 to kLinkWindow
};
struct LinkEnd {};
struct LinkClose {};

struct LinkMessage {
    std::uint64_t id = 0;
    std::variant<LinkOpen, LinkData, LinkTaken, LinkEnd, LinkClose> what = LinkEnd{};
};

/// The message, and what it says in "link".
nlohmann::json to_json(const LinkMessage& message);
/// What "link" is; nothing for what cannot be a message. Whether it makes sense is for a LinkTable.
std::optional<LinkMessage> parse_link(const nlohmann::json& body);

}  // namespace rvmm::vmm::lab
