// Steps documents from anyone. The first byte chooses the rules.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <nlohmann/json.hpp>

#include "realm/rmm/steps.hpp"

namespace {

using rvmm::measure::RemRule;
using rvmm::measure::Rule;

void require(bool condition) {
    if (!condition) std::abort();
}

rvmm::realm::StepsOptions options_of(std::uint8_t byte) {
    rvmm::realm::StepsOptions options;
    if (byte % 4 != 3) options.rule = static_cast<Rule>(byte % 4);
    options.rem_rule = static_cast<RemRule>(byte / 4 % 2);
    return options;
}

// The RIM of a step that was refused is the RIM before it.
void check_case(const rvmm::realm::CaseOutcome& outcome) {
    const std::size_t size = rvmm::measure::digest_size(outcome.hash);
    const rvmm::realm::StepOutcome* before = nullptr;
    for (const auto& step : outcome.steps) {
        require(step.rc_level.has_value() == (step.rc == 4 && step.op != "rsi"));
        if (before != nullptr && step.rc != 0) require(step.rim == before->rim);
        before = &step;
    }
    require(outcome.rim.size() == size && (before == nullptr || before->rim == outcome.rim));
    for (const auto& rem : outcome.rems) require(rem.size() == size);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    const auto outcome = rvmm::realm::run_steps(text, "fuzz.json", options_of(data[0]));
    if (outcome) {
        for (const auto& one : outcome->cases) check_case(one);
        require(nlohmann::json::parse(to_json(*outcome)).is_object());
    } else {
        const std::string& message = outcome.error().message();
        require(message.starts_with("fuzz.json: ") && message.find('\n') == std::string::npos);
        require(outcome.error().stage() == rvmm::Stage::kConfig);
    }
    return 0;
}
