#include "cli/token_text.hpp"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "base/version.hpp"
#include "measure/token/describe.hpp"

namespace rvmm::cli {
namespace {

using measure::token::Check;
using measure::token::ShownClaim;
using measure::token::Sign1;
using measure::token::Token;
using measure::token::Verdict;
using Json = nlohmann::ordered_json;

struct StateText {
    Check::State state;
    std::string_view text;
    std::string_view json;
    std::string_view color;
};
constexpr std::array kStates = {
    StateText{Check::State::kHolds, "ok", "ok", "\x1b[32m"},
    StateText{Check::State::kFails, "FAILED", "failed", "\x1b[31m"},
    StateText{Check::State::kUnchecked, "unchecked", "unchecked", "\x1b[33m"},
};

const StateText& text_of(Check::State state) {
    return *std::ranges::find(kStates, state, &StateText::state);
}

/// What a terminal may be sent of text that somebody else wrote.
std::string harmless(std::string text) {
    for (char& c : text)
        if (c < ' ' || c > '~') c = '?';
    return text;
}

void add_part(std::string& text, std::string_view title, const Sign1& message,
              const std::vector<ShownClaim>& claims) {
    text += fmt::format("\n{} ({}, signed by {})\n", title, "COSE_Sign1",
                        facts_of(message.curve).algorithm);
    for (const ShownClaim& claim : claims) {
        text += fmt::format("  {:>6}  {} = {}", claim.number, harmless(claim.name),
                            harmless(claim.value));
        if (!claim.meaning.empty()) text += fmt::format("  ({})", claim.meaning);
        text += '\n';
    }
}

Json json_of(const Sign1& message, const std::vector<ShownClaim>& claims) {
    Json json;
    json["algorithm"] = facts_of(message.curve).algorithm;
    json["signature"] = to_hex(message.signature);
    json["claims"] = Json::array();
    for (const ShownClaim& claim : claims) {
        Json entry = {{"claim", claim.number}, {"name", claim.name}};
        if (claim.kind == ShownClaim::Kind::kNumber)
            entry["value"] = std::stoull(claim.value);
        else
            entry["value"] = claim.value;
        if (!claim.meaning.empty()) entry["meaning"] = claim.meaning;
        json["claims"].push_back(std::move(entry));
    }
    return json;
}

Json json_of(const Verdict& verdict) {
    Json checks = Json::array();
    for (const Check& check : verdict.checks)
        checks.push_back({{"name", check.name},
                          {"state", text_of(check.state).json},
                          {"about", check.about == Check::About::kGenuine ? "genuine" : "expected"},
                          {"detail", check.detail}});
    return checks;
}

Json begin_json(const Token& token) {
    Json json;
    json["tool"] = fmt::format("rvmm {}", kVersion);
    json["form"] = static_cast<unsigned>(token.form);
    return json;
}

std::string dump(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string verdict_text(const Verdict& verdict, bool color) {
    std::string text;
    for (const Check& check : verdict.checks)
        text += fmt::format("{}{:<9}{}  {}: {}\n", color ? text_of(check.state).color : "",
                            text_of(check.state).text, color ? "\x1b[0m" : "", check.name,
                            harmless(check.detail));
    return text;
}

std::string token_text(const Token& token, const Verdict& verdict, bool color) {
    std::string text = fmt::format("{}\n", measure::token::describe(token.form));
    add_part(text, "platform token", token.platform_message, describe(token.platform));
    add_part(text, "realm token", token.realm_message, describe(token.realm));
    return text + "\n" + verdict_text(verdict, color);
}

std::string token_json(const Token& token, const Verdict& verdict) {
    Json json = begin_json(token);
    json["platform"] = json_of(token.platform_message, describe(token.platform));
    json["realm"] = json_of(token.realm_message, describe(token.realm));
    json["checks"] = json_of(verdict);
    return dump(json);
}

std::string verdict_json(const Token& token, const Verdict& verdict, std::string_view hint) {
    Json json = begin_json(token);
    json["genuine"] = verdict.holds(Check::About::kGenuine);
    json["expected"] = verdict.holds(Check::About::kExpected);
    json["rim"] = to_hex(token.realm.rim);
    json["checks"] = json_of(verdict);
    if (!hint.empty()) json["hint"] = hint;
    return dump(json);
}

}  // namespace rvmm::cli
