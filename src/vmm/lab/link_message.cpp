#include "vmm/lab/link_message.hpp"

#include <nlohmann/json.hpp>

#include "base/json_fields.hpp"
#include "base/overloaded.hpp"
#include "base/text.hpp"

namespace rvmm::vmm::lab {
namespace {

using nlohmann::json;

bool is_true(const json* value) {
    return value != nullptr && value->is_boolean() && value->get<bool>();
}

std::optional<decltype(LinkMessage::what)> parse_what(const json& body) {
    if (auto path = as_text(member(body, "open"))) {
        if (!path->starts_with('/') || path->size() > kMaxSocketPath) return std::nullopt;
        return LinkOpen{*std::move(path)};
    }
    if (const auto escaped = as_text(member(body, "data"))) {
        auto bytes = unescape(*escaped);
        if (!bytes || bytes->empty() || bytes->size() > kLinkWindow) return std::nullopt;
        return LinkData{*std::move(bytes)};
    }
    if (const auto bytes = as_unsigned(member(body, "taken"), kLinkWindow); bytes && *bytes > 0)
        return LinkTaken{static_cast<std::size_t>(*bytes)};
    if (is_true(member(body, "end"))) return LinkEnd{};
    if (is_true(member(body, "close"))) return LinkClose{};
    return std::nullopt;
}

}  // namespace

json to_json(const LinkMessage& message) {
    json body = {{"id", message.id}};
    std::visit(Overloaded{
                   [&](const LinkOpen& open) { body["open"] = open.path; },
                   [&](const LinkData& data) { body["data"] = escape(data.bytes); },
                   [&](const LinkTaken& taken) { body["taken"] = taken.bytes; },
                   [&](const LinkEnd&) { body["end"] = true; },
                   [&](const LinkClose&) { body["close"] = true; },
               },
               message.what);
    return {{"link", std::move(body)}};
}

std::optional<LinkMessage> parse_link(const json& body) {
    const auto id = as_unsigned(member(body, "id"), UINT64_MAX);
    auto what = parse_what(body);
    if (!id || !what) return std::nullopt;
    return LinkMessage{*id, *std::move(what)};
}

}  // namespace rvmm::vmm::lab
