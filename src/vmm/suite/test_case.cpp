#include "vmm/suite/test_case.hpp"

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "vmm/suite/test_files.hpp"

namespace rvmm::vmm::suite {
namespace {

/// Takes `value` of `axis`.
void vary(TestCase& one, const Axis& axis, const Axis::Value& value) {
    one.variation +=
        fmt::format("{}{}={}", one.variation.empty() ? "" : ",", axis.name, value.shown);
    if (value.host) one.host = value.host;
    if (!value.setting.empty()) one.settings.push_back(value.setting);
}

void skip_other_hosts(std::vector<TestCase>& cases, RunsOn asked_for) {
    for (TestCase& one : cases) {
        if (!one.host) one.host = asked_for;
        if (*one.host != asked_for)
            one.skipped = fmt::format("it is for host {}, and --host is {}", to_string(*one.host),
                                      to_string(asked_for));
    }
}

/// Each case `times` times, all of them before the second time.
void repeat(std::vector<TestCase>& cases, std::size_t times) {
    const std::size_t once = cases.size();
    for (std::size_t time = 2; time <= times; ++time)
        for (std::size_t i = 0; i < once; ++i) {
            cases.push_back(cases[i]);
            cases.back().variation += fmt::format("@{}", time);
        }
}

/// What names leave out may be what tells two cases apart.
void make_unique(std::vector<TestCase>& cases) {
    std::set<std::string> names;
    for (TestCase& one : cases) {
        const std::string variation = one.variation;
        for (std::size_t i = 2; !names.insert(one.name()).second; ++i)
            one.variation = fmt::format("{}~{}", variation, i);
    }
}

}  // namespace

std::vector<TestCase> make_cases(const std::shared_ptr<const TestSpec>& spec,
                                 const std::string& suite) {
    std::vector<TestCase> cases = {{.suite = suite,
                                    .variation = {},
                                    .spec = spec,
                                    .host = spec->host,
                                    .settings = spec->settings}};
    for (const Axis& axis : spec->vary) {
        std::vector<TestCase> varied;
        for (const TestCase& one : cases)
            for (const Axis::Value& value : axis.values) {
                varied.push_back(one);
                vary(varied.back(), axis, value);
            }
        cases = std::move(varied);
    }
    return cases;
}

std::optional<Shard> Shard::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    if (slash == text.npos) return std::nullopt;
    const auto number = parse_unsigned(text.substr(0, slash));
    const auto of = parse_unsigned(text.substr(slash + 1));
    if (!number || !of || *number < 1 || *number > *of || *of > kMostCases) return std::nullopt;
    return Shard{static_cast<std::size_t>(*number), static_cast<std::size_t>(*of)};
}

Result<std::vector<TestCase>> find_cases(const SuiteWishes& wishes) {
    RVMM_TRY(const auto files, find_test_files(wishes.paths));
    std::vector<TestCase> cases;
    for (const TestFile& file : files) {
        RVMM_TRY(auto spec, TestSpec::load(file.path));
        if (cases.size() + spec.variations() > kMostCases)
            return fail(Stage::kUsage, "{}: with it there are more than {} cases",
                        file.path.string(), kMostCases);
        auto more = make_cases(std::make_shared<const TestSpec>(std::move(spec)), file.suite);
        cases.insert(cases.end(), std::make_move_iterator(more.begin()),
                     std::make_move_iterator(more.end()));
    }
    make_unique(cases);
    if (wishes.filter)
        std::erase_if(cases, [&](const TestCase& one) { return !wishes.filter->find(one.name()); });
    if (cases.empty())
        return fail(Stage::kUsage, "no case has a name in which {} is found",
                    wishes.filter->text());
    if (wishes.repeat > kMostCases / cases.size())
        return fail(Stage::kUsage, "--repeat {} makes more than {} cases", wishes.repeat,
                    kMostCases);
    if (wishes.host) skip_other_hosts(cases, *wishes.host);
    repeat(cases, wishes.repeat);
    return cases;
}

Result<> check_hosts(const std::vector<TestCase>& cases) {
    for (const TestCase& one : cases)
        if (!one.host)
            return std::unexpected(
                Error(Stage::kUsage,
                      fmt::format("{} names no host to run on", one.spec->source.string()))
                    .with_advice("host = \"lab\" (cca, emulated, lab, vm) in it, or --host"));
    return {};
}

std::string why_all_are_skipped(const std::vector<TestCase>& cases) {
    const bool some_runs = std::ranges::any_of(cases, &std::string::empty, &TestCase::skipped);
    return cases.empty() || some_runs ? std::string() : cases.front().skipped;
}

/// Neighbours are likely to take as long as each other: they go to different shares.
std::vector<TestCase> share_of(const std::vector<TestCase>& cases, const Shard& shard) {
    std::vector<TestCase> share;
    std::size_t to_run = 0;
    std::size_t skipped = 0;
    for (const TestCase& one : cases) {
        std::size_t& before = one.skipped.empty() ? to_run : skipped;
        if (before++ % shard.of == shard.number - 1) share.push_back(one);
    }
    return share;
}

}  // namespace rvmm::vmm::suite
