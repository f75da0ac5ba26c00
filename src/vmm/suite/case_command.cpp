#include "vmm/suite/case_command.hpp"

#include "base/json_fields.hpp"
#include "base/text.hpp"

namespace rvmm::vmm::suite {
namespace {

constexpr std::uint64_t kLongestMilliseconds = 2000ULL * 3600 * 1000;

std::string in_seconds(std::chrono::nanoseconds time) {
    return fmt::format("{:.9f}", std::chrono::duration<double>(time).count());
}

/// What is said with the value in one word cannot be taken for another option.
void add_expectations(const TestSpec& spec, std::vector<std::string>& arguments) {
    arguments.push_back("--timeout=" + in_seconds(spec.timeout));
    if (spec.boot_timeout) arguments.push_back("--boot-timeout=" + in_seconds(*spec.boot_timeout));
    for (const TestExpectation& expectation : spec.expect) {
        arguments.push_back("--expect=" + expectation.regex);
        if (!expectation.send.empty()) arguments.push_back("--send=" + escape(expectation.send));
    }
    for (const std::string& regex : spec.fail_on) arguments.push_back("--fail-on=" + regex);
    if (spec.end_when_met) arguments.emplace_back("--end-when-met");
}

}  // namespace

CaseCommand local_command(const TestCase& one, const std::string& profiles) {
    const std::string image = one.spec->image.string();
    CaseCommand command{{"run", (image.starts_with('-') ? "./" : "") + image}, one.spec->timeout};
    std::vector<std::string>& arguments = command.arguments;
    if (one.host != RunsOn::kLocalVm)
        arguments.push_back(fmt::format("--host={}", to_string(*one.host)));
    for (const std::string& setting : one.settings) arguments.push_back("--set=" + setting);
    if (!one.spec->expect_rim.empty()) arguments.push_back("--expect-rim=" + one.spec->expect_rim);
    if (!profiles.empty()) arguments.push_back("--profiles=" + profiles);
    add_expectations(*one.spec, arguments);
    return command;
}

CaseCommand lab_command(const TestSpec& spec, const std::string& config, std::string_view host,
                        const std::string& profiles) {
    CaseCommand command{{"run", config, "--inside-lab"}, spec.timeout};
    if (!host.empty()) command.arguments.push_back(fmt::format("--host={}", host));
    if (!profiles.empty()) command.arguments.push_back("--profiles=" + profiles);
    add_expectations(spec, command.arguments);
    return command;
}

std::string write_job(const std::vector<CaseCommand>& commands) {
    nlohmann::json cases = nlohmann::json::array();
    for (const CaseCommand& command : commands)
        cases.push_back(
            {{"arguments", command.arguments},
             {"limit", std::chrono::ceil<std::chrono::milliseconds>(command.limit).count()}});
    return nlohmann::json{{"cases", cases}}.dump(-1, ' ', false,
                                                 nlohmann::json::error_handler_t::replace);
}

Result<std::vector<CaseCommand>> read_job(std::string_view text) {
    const auto job = parse_object(text);
    const nlohmann::json* cases = job ? member(*job, "cases") : nullptr;
    if (cases == nullptr || !cases->is_array())
        return fail(Stage::kImage, "this is no list of cases for a lab");
    std::vector<CaseCommand> commands;
    for (const nlohmann::json& one : *cases) {
        auto arguments = as_texts(member(one, "arguments"));
        const auto limit = as_unsigned(member(one, "limit"), kLongestMilliseconds);
        if (!arguments || !limit) return fail(Stage::kImage, "this is no list of cases for a lab");
        commands.push_back(
            {*std::move(arguments), std::chrono::milliseconds(static_cast<std::int64_t>(*limit))});
    }
    return commands;
}

}  // namespace rvmm::vmm::suite
