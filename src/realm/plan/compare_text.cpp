#include <nlohmann/json.hpp>

#include "base/version.hpp"
#include "realm/plan/compare.hpp"
#include "realm/spec/config_text.hpp"

namespace rvmm::realm {
namespace {

using nlohmann::ordered_json;

std::string value(const std::string& text) {
    return text.empty() ? "(none)" : text;
}

std::string lines(const std::vector<Difference>& differences, std::size_t left_out) {
    std::string text;
    for (const Difference& difference : differences)
        text += fmt::format("  {}\n    A  {}\n    B  {}\n", difference.what, value(difference.a),
                            value(difference.b));
    if (left_out != 0) text += fmt::format("  and {} more\n", left_out);
    return text;
}

std::string section(std::string_view title, const Differences& differences) {
    if (differences.empty()) return "";
    return fmt::format("{}\n{}", title, lines(differences.kept(), differences.left_out()));
}

std::string side(char letter, const MeasuredInput& input) {
    const std::string profile =
        input.measurement ? ", " + printable(input.measurement->profile, kShownName) : "";
    return fmt::format("{}  {}  {}, {}{}\n", letter, to_hex(input.rim),
                       printable(input.name, kShownName), to_string(input.kind), profile);
}

ordered_json json_of(const MeasuredInput& input) {
    ordered_json out = {{"name", input.name},
                        {"kind", to_string(input.kind)},
                        {"hash", measure::to_string(input.hash)},
                        {"rim", to_hex(input.rim)}};
    if (input.measurement) out["profile"] = input.measurement->profile;
    return out;
}

ordered_json json_of(const std::vector<Difference>& differences) {
    ordered_json out = ordered_json::array();
    const auto side_of = [](const std::string& text) {
        return text.empty() ? ordered_json(nullptr) : ordered_json(text);
    };
    for (const Difference& difference : differences)
        out.push_back({{"what", difference.what},
                       {"a", side_of(difference.a)},
                       {"b", side_of(difference.b)}});
    return out;
}

ordered_json json_of(const FirstDifference& first) {
    ordered_json out = {{"extension", first.extension}, {"number", nullptr}};
    if (first.number) out["number"] = *first.number;
    out["why"] = json_of(first.why);
    out["left_out"] = first.left_out;
    return out;
}

}  // namespace

std::string to_text(const Comparison& c, const MeasuredInput& a, const MeasuredInput& b) {
    std::string text =
        fmt::format("{} (rvmm {})\n", c.same ? "same RIM" : "different RIMs", kVersion);
    text += side('A', a) + side('B', b);
    if (c.first) {
        const std::string number =
            c.first->number ? fmt::format(" (number {})", *c.first->number) : "";
        text += fmt::format("first differing extension: {}{}\n", c.first->extension, number);
        text += lines(c.first->why, c.first->left_out);
    } else if (!c.same) {
        text += "a CoRIM has the RIM alone, so nothing tells what differs\n";
    }
    text += section("measured too:", c.others);
    return text + section("not measured:", c.unmeasured);
}

std::string to_json(const Comparison& c, const MeasuredInput& a, const MeasuredInput& b) {
    ordered_json out = {{"tool", fmt::format("rvmm {}", kVersion)},
                        {"same", c.same},
                        {"a", json_of(a)},
                        {"b", json_of(b)},
                        {"first", nullptr},
                        {"others", json_of(c.others.kept())},
                        {"others_left_out", c.others.left_out()},
                        {"unmeasured", json_of(c.unmeasured.kept())},
                        {"unmeasured_left_out", c.unmeasured.left_out()}};
    if (c.first) out["first"] = json_of(*c.first);
    return out.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace rvmm::realm
