#include "cli/test_command.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

#include "base/exit_code.hpp"
#include "base/log.hpp"
#include "cli/lab_option.hpp"
#include "cli/measuring.hpp"
#include "cli/output.hpp"
#include "vmm/lab/held_signals.hpp"
#include "vmm/suite/lab_suite.hpp"
#include "vmm/suite/suite_run.hpp"

namespace rvmm::cli {
namespace {

namespace suite = vmm::suite;

constexpr std::size_t kMostAtOnce = 256;
constexpr std::size_t kUsualAtOnce = 4;  // at most

struct TestOptions {
    std::vector<std::string> paths;
    std::string host;
    std::size_t jobs = 0;  // 0: as many as there are CPUs, up to kUsualAtOnce
    std::string junit;
    std::string filter;
    std::size_t repeat = 1;
    std::string shard;
    bool list = false;
    std::string profiles;
    std::string lab;
    std::string job;  // --inside-lab
};

std::size_t at_once(const TestOptions& options) {
    if (options.jobs != 0) return options.jobs;
    return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, kUsualAtOnce);
}

Result<std::vector<suite::TestCase>> find_cases(const TestOptions& options) {
    suite::SuiteWishes wishes{.paths = {options.paths.begin(), options.paths.end()},
                              .host = suite::test_host(options.host),
                              .repeat = options.repeat};
    if (wishes.paths.empty()) wishes.paths = {"."};
    if (!options.filter.empty()) {
        RVMM_TRY(wishes.filter, vmm::Pattern::compile("--filter", options.filter));
    }
    return suite::find_cases(wishes);
}

Result<suite::Shard> wanted_shard(const std::string& text) {
    if (text.empty()) return suite::Shard();
    const auto shard = suite::Shard::parse(text);
    if (!shard)
        return fail(Stage::kUsage, "--shard takes a share such as 3/8, the third of eight, not {}",
                    text);
    return *shard;
}

Result<int> list(const std::vector<suite::TestCase>& cases) {
    std::string text;
    for (const suite::TestCase& one : cases) text += one.name() + "\n";
    RVMM_CHECK(print(text, "the list"));
    return to_int(ExitCode::kShutdown);
}

Result<> write_junit(NewFile& file, const std::vector<suite::TestCase>& cases,
                     const suite::SuiteEnd& end) {
    RVMM_CHECK(file.write(suite::junit_document(suite::junit_cases(cases, end.results))));
    return file.finish();
}

/// Nothing that was not run has passed; a share of what is run by others too may be empty.
Result<int> verdict(const std::string& all_skipped, const suite::SuiteEnd& end) {
    if (!all_skipped.empty()) return fail(Stage::kUsage, "no case was run: {}", all_skipped);
    return end.exit_code();
}

Result<int> test(const TestOptions& options) {
    if (!options.job.empty()) return suite::run_job_inside_lab(options.job, at_once(options));
    RVMM_TRY(const auto shard, wanted_shard(options.shard));
    RVMM_TRY(const auto all, find_cases(options));
    const auto cases = share_of(all, shard);
    if (options.list) return list(cases);
    RVMM_CHECK(check_hosts(all));
    RVMM_TRY(const auto profiles, ProfileFile::load(options.profiles));
    RVMM_TRY(auto lab, vmm::lab::LabSearch::from_environment(options.lab));
    const vmm::lab::HeldSignals held;  // until the JUnit file is whole
    std::optional<NewFile> junit;
    if (!options.junit.empty()) {
        RVMM_TRY(NewFile file, NewFile::create(options.junit, "JUnit file"));
        junit.emplace(std::move(file));
    }
    RVMM_TRY(const auto end,
             suite::run_suite(
                 cases, {.lab = std::move(lab),
                         .profiles = profiles.table,
                         .profiles_text = profiles.text,
                         .profiles_path = options.profiles,
                         .at_once = at_once(options),
                         .print = [](std::string_view tap) { return print(tap, "the results"); },
                         .progress = ::isatty(STDERR_FILENO) == 1 && !stdout_is_terminal()}));
    if (junit) RVMM_CHECK(write_junit(*junit, cases, end));
    for (const std::string& line : end.summary(cases)) note("{}", line);
    return verdict(why_all_are_skipped(all), end);
}

constexpr const char* kTestExamples = R"(Examples:
  rvmm test tests/ --host lab                all *.test.toml in a folder and below, on any machine
  rvmm test hello.test.toml --host emulated  one, in emulated realms on this arm64 machine
  rvmm test tests/ --junit results.xml -j 8  8 at a time, with a file for a CI server
  rvmm test tests/ --shard 3/8               the third of eight shares, on one of eight machines
  rvmm test tests/ --list --filter vcpus=4   the names of some

docs/testing.md says what is in a test. The host must be named, by each test or by --host: nothing
that is for cca passes by emulation. Exit code 0 if all passed, 71 if one failed.)";

void add_choices(CLI::App& command, TestOptions& options) {
    command
        .add_option("--host", options.host,
                    "Where tests run that name no host; those that name another are skipped")
        ->check(CLI::IsMember({"cca", "emulated", "lab", "vm"}));
    command.add_option("--filter", options.filter, "Only cases in whose names this is found")
        ->type_name("REGEX");
    command.add_option("--repeat", options.repeat, "Run each case so many times (1)")
        ->type_name("NUMBER")
        ->check(CLI::Range(std::size_t{1}, suite::kMostCases));
    command.add_option("--shard", options.shard, "Only the I-th of N shares of the cases")
        ->type_name("I/N");
    command.add_flag("--list", options.list, "Only print the names of the cases");
}

}  // namespace

void add_test_command(CLI::App& app, CommandResult& result) {
    auto options = std::make_shared<TestOptions>();
    CLI::App* command = app.add_subcommand("test", "Run suites of launches, and say which passed");
    command
        ->add_option("paths", options->paths,
                     "Tests, and folders whose *.test.toml are meant, with those below (.)")
        ->type_name("FILE");
    add_choices(*command, *options);
    command
        ->add_option("-j,--jobs", options->jobs,
                     "How many run at a time (as many as there are CPUs, up to 4)")
        ->type_name("NUMBER")
        ->check(CLI::Range(std::size_t{1}, kMostAtOnce));
    command
        ->add_option("--junit", options->junit,
                     "Write the results as JUnit's XML to this new file, besides TAP on standard "
                     "output")
        ->type_name("FILE");
    add_profiles_option(*command, options->profiles);
    add_lab_option(*command, options->lab);
    command->add_option("--inside-lab", options->job)->group("");
    command->footer(kTestExamples);
    command->callback([options, &result] { result.value = test(*options); });
}

}  // namespace rvmm::cli
