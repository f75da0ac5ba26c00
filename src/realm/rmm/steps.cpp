#include "realm/rmm/steps.hpp"

#include "base/version.hpp"
#include "realm/rmm/case_runner.hpp"
#include "rmi/rsi.hpp"

namespace rvmm::realm {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

constexpr unsigned kMaxPaWidth = 52;
constexpr unsigned kMinPaWidth = 32;
constexpr unsigned kMaxPaWidthWithoutLpa2 = 48;

Result<measure::Rule> rule_of(const StepFields& document, const StepsOptions& options) {
    if (options.rule) return *options.rule;
    if (!document.has("rule"))
        return fail(Stage::kConfig, "there is no \"rule\", and none was asked for: {}, {} or {}",
                    measure::to_string(measure::Rule::kRmm1),
                    measure::to_string(measure::Rule::kRmm2TfRmm),
                    measure::to_string(measure::Rule::kRmm2Spec));
    RVMM_TRY(const std::string name, document.text("rule"));
    const auto rule = measure::parse_rule(name);
    if (!rule)
        return fail(Stage::kConfig, "\"rule\" is unknown: {}", shown(*document.find("rule")));
    return *rule;
}

Result<CaseRunner::Platform> platform_of(const StepFields& test, measure::Rule rule) {
    CaseRunner::Platform platform;
    RmmFeatures& features = platform.features;
    features.rule = rule;
    if (const json* given = test.find("platform")) {
        RVMM_TRY(const std::uint64_t width,
                 StepFields(*given).number_or("pa_width", features.pa_width, kMaxPaWidth));
        if (width < kMinPaWidth)
            return fail(Stage::kConfig, "\"pa_width\" is at least {}, not {}", kMinPaWidth, width);
        features.pa_width = static_cast<unsigned>(width);
        RVMM_TRY(
            platform.token_size,
            StepFields(*given).number_or("token_size", platform.token_size, rmi::kRsiTokenMaxSize));
        if (platform.token_size == 0)
            return fail(Stage::kConfig, "\"token_size\" is at least 1, not 0");
    }
    features.lpa2 = features.pa_width > kMaxPaWidthWithoutLpa2;
    return platform;
}

Result<StepOutcome> run_step(CaseRunner& runner, const json& step, std::size_t number) {
    const StepFields fields(step);
    auto op = fields.text("op");
    if (!op)
        return std::unexpected(std::move(op).error().with_context(fmt::format("step {}", number)));
    auto outcome = runner.run(*op, fields);
    if (!outcome)
        return std::unexpected(std::move(outcome).error().with_context(
            fmt::format("step {} ({})", number, shown(*fields.find("op")))));
    return outcome;
}

Result<CaseOutcome> run_case(const json& test, std::string name, measure::Rule rule,
                             measure::RemRule rem_rule) {
    const StepFields fields(test);
    RVMM_TRY(const auto platform, platform_of(fields, rule));
    RVMM_TRY(const auto hash, fields.hash("hash"));
    const json* steps = fields.find("steps");
    if (steps == nullptr || !steps->is_array())
        return fail(Stage::kConfig, "there is no list \"steps\"");
    CaseRunner runner(platform, rem_rule, hash);
    CaseOutcome outcome;
    outcome.name = std::move(name);
    for (const json& step : *steps) {
        RVMM_TRY(StepOutcome done, run_step(runner, step, outcome.steps.size() + 1));
        outcome.steps.push_back(std::move(done));
    }
    outcome.hash = runner.hash();
    outcome.rim = runner.rim();
    outcome.rems = runner.rems();
    return outcome;
}

// A case's name, or its number where it has none.
Result<std::string> name_of(const json& test, std::size_t number) {
    const StepFields fields(test);
    if (!fields.has("name")) return std::to_string(number);
    return fields.text("name");
}

Result<> add_case(StepsOutcome& outcome, const json& test, measure::RemRule rem_rule) {
    RVMM_TRY(std::string name, name_of(test, outcome.cases.size() + 1));
    const std::string where = "case " + shown(name);
    auto done = run_case(test, std::move(name), outcome.rule, rem_rule);
    if (!done) return std::unexpected(std::move(done).error().with_context(where));
    outcome.cases.push_back(*std::move(done));
    return {};
}

Result<StepsOutcome> run_document(const json& document, const StepsOptions& options) {
    if (!document.is_object()) return fail(Stage::kConfig, "not a JSON object");
    const StepFields fields(document);
    StepsOutcome outcome;
    RVMM_TRY(outcome.rule, rule_of(fields, options));
    const json* cases = fields.find("cases");
    if (cases == nullptr) {
        RVMM_CHECK(add_case(outcome, document, options.rem_rule));
        return outcome;
    }
    if (!cases->is_array() || cases->empty())
        return fail(Stage::kConfig, "\"cases\" lists no case");
    for (const json& test : *cases) RVMM_CHECK(add_case(outcome, test, options.rem_rule));
    return outcome;
}

template <class Digests>
ordered_json hex_list(const Digests& digests) {
    ordered_json list = ordered_json::array();
    for (const measure::Digest& digest : digests) list.push_back(to_hex(digest));
    return list;
}

ordered_json to_value(const StepOutcome& step) {
    ordered_json value = {{"op", step.op}, {"rc", step.rc}};
    if (step.rc_level) value["rc_level"] = *step.rc_level;
    if (step.out_top) value["out_top"] = fmt::format("{:#x}", *step.out_top);
    value["rim"] = to_hex(step.rim);
    if (step.rem) value["rem"] = hex_list(*step.rem);
    return value;
}

ordered_json to_value(const CaseOutcome& test) {
    ordered_json steps = ordered_json::array();
    for (const StepOutcome& step : test.steps) steps.push_back(to_value(step));
    return {{"name", test.name},
            {"hash", measure::to_string(test.hash)},
            {"rim", to_hex(test.rim)},
            {"rems", hex_list(test.rems)},
            {"steps", std::move(steps)}};
}

}  // namespace

Result<StepsOutcome> run_steps(std::string_view json_text, std::string_view source_name,
                               const StepsOptions& options) {
    auto document = parse_steps_document(json_text);
    if (!document) return std::unexpected(std::move(document).error().with_context(source_name));
    auto outcome = run_document(*document, options);
    if (!outcome) return std::unexpected(std::move(outcome).error().with_context(source_name));
    return outcome;
}

std::string to_json(const StepsOutcome& outcome) {
    const CaseOutcome& last = outcome.cases.back();
    ordered_json cases = ordered_json::array();
    for (const CaseOutcome& test : outcome.cases) cases.push_back(to_value(test));
    const ordered_json document = {{"tool", fmt::format("rvmm {}", kVersion)},
                                   {"profile", measure::to_string(outcome.rule)},
                                   {"rule", measure::to_string(outcome.rule)},
                                   {"hash", measure::to_string(last.hash)},
                                   {"rim", to_hex(last.rim)},
                                   {"rems", hex_list(last.rems)},
                                   {"cases", std::move(cases)}};
    return document.dump(2);
}

}  // namespace rvmm::realm
