#include "vmm/suite/suite_run.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/ranges.h>
#include <string.h>
#include <unistd.h>

#include "base/exit_code.hpp"
#include "base/file.hpp"
#include "vmm/hosts/host_facts.hpp"
#include "vmm/lab/held_signals.hpp"
#include "vmm/suite/case_command.hpp"
#include "vmm/suite/case_runner.hpp"
#include "vmm/suite/lab_suite.hpp"
#include "vmm/suite/tap.hpp"

namespace rvmm::vmm::suite {
namespace {

using Kind = CaseResult::Kind;
using std::chrono::steady_clock;

constexpr std::size_t kNamedFailures = 20;

std::string signal_name(int number) {
    const char* name = ::sigabbrev_np(number);
    return name != nullptr ? fmt::format("SIG{}", name) : std::to_string(number);
}

class SuiteRun {
  public:
    SuiteRun(const std::vector<TestCase>& cases, const SuiteOptions& options)
        : cases_(cases), options_(options) {
        end_.results.resize(cases.size());
    }

    Result<SuiteEnd> run() {
        const auto begin = steady_clock::now();
        // Those that come while nothing runs are taken below: the results are said in any case.
        const lab::HeldSignals held;
        say(tap_plan(cases_.size()));
        choose();
        end_.signal = lab::HeldSignals::take();
        if (!end_.signal && printed_) RVMM_CHECK(run_here());
        if (!end_.signal && printed_ && !in_lab_.empty())
            end_.signal = run_in_one_lab({cases_, in_lab_, options_.lab, options_.profiles,
                                          options_.profiles_text, options_.at_once},
                                         [this](std::size_t index, CaseResult result) {
                                             return tell(index, std::move(result));
                                         });
        if (!end_.signal) end_.signal = lab::HeldSignals::take();
        if (end_.signal) say(tap_bail_out("ended by " + signal_name(*end_.signal)));
        show_progress(true);
        RVMM_CHECK(printed_);
        end_.seconds = std::chrono::duration<double>(steady_clock::now() - begin).count();
        return std::move(end_);
    }

  private:
    /// What runs where.
    void choose() {
        for (std::size_t i = 0; i < cases_.size(); ++i) {
            if (!cases_[i].skipped.empty())
                tell(i, {.kind = Kind::kSkipped, .why = cases_[i].skipped});
            else if (cases_[i].host == RunsOn::kLab)
                in_lab_.push_back(i);
            else if (auto can = check_vm(cases_[i]); !can)
                tell(i, not_launched(can.error()));
            else
                here_.push_back(i);
        }
    }

    /// An ordinary VM goes into a lab where this machine has no KVM, and a realm wherever it may:
    /// `rvmm run` has no option against that.
    Result<> check_vm(const TestCase& one) {
        if (one.host != RunsOn::kLocalVm) return {};
        RVMM_TRY(const auto spec, realm::load_config(one.spec->image, {.overrides = one.settings}));
        if (spec.realm)
            return fail(Stage::kUsage, "host vm is for ordinary VMs, and this image is a realm");
        if (!machine_)
            machine_ =
                find_host_facts(kvm::real_driver(), {.realms = false, .smc = false}, options_.lab);
        if (!machine_->local_kvm) return {};
        return std::unexpected(
            Error(Stage::kHostCannot,
                  fmt::format("this machine cannot run this VM: {}", machine_->local_kvm->why))
                .with_advice(machine_->local_kvm->remedy));
    }

    Result<> run_here() {
        std::vector<CaseCommand> commands;
        commands.reserve(here_.size());
        for (const std::size_t index : here_)
            commands.push_back(local_command(cases_[index], options_.profiles_path));
        if (commands.empty()) return {};
        const auto take = [this](std::size_t number, CaseRun run) {
            const TestCase& one = cases_[here_[number]];
            return tell(here_[number], judge(*one.spec, std::move(run),
                                             {.host = to_string(*one.host),
                                              .may_be_emulated = one.host == RunsOn::kEmulated}));
        };
        RVMM_TRY(end_.signal, run_cases(commands, options_.at_once, take));
        return {};
    }

    /// Whether the next one is wanted too.
    bool tell(std::size_t index, CaseResult result) {
        say(tap_point(++told_, cases_[index], result));
        bad_ += result.bad();
        // Of thousands that passed nothing of this is asked for any more.
        if (!result.bad()) result.run.console = result.run.messages = {};
        if (!result.bad()) result.run.report.clear();
        end_.results[index] = std::move(result);
        show_progress(false);
        return printed_.has_value();
    }

    void say(std::string_view tap) {
        if (printed_) printed_ = options_.print(tap);
    }

    void show_progress(bool done) const {
        if (!options_.progress) return;
        const std::string text =
            done ? "\r\033[K"
                 : fmt::format("\r\033[K{} of {}, {} failed", told_, cases_.size(), bad_);
        const auto written = write_all(Stage::kLaunch, STDERR_FILENO, as_bytes(text), "progress");
        (void)written;  // nobody misses it
    }

    const std::vector<TestCase>& cases_;
    const SuiteOptions& options_;
    std::vector<std::size_t> here_;
    std::vector<std::size_t> in_lab_;
    std::optional<HostFacts> machine_;
    SuiteEnd end_;
    Result<> printed_;
    std::size_t told_ = 0;
    std::size_t bad_ = 0;
};

JunitCase::Kind junit_kind(Kind kind) {
    switch (kind) {
        case Kind::kPassed:
            return JunitCase::Kind::kPassed;
        case Kind::kFailed:
            return JunitCase::Kind::kFailure;
        case Kind::kError:
            return JunitCase::Kind::kError;
        case Kind::kSkipped:
        case Kind::kNotRun:
            return JunitCase::Kind::kSkipped;
    }
    return JunitCase::Kind::kError;
}

JunitCase junit_case(const TestCase& one, const CaseResult& result) {
    JunitCase junit{.suite = one.suite,
                    .name = one.variation.empty() ? one.suite : one.variation,
                    .kind = junit_kind(result.kind),
                    .why = result.kind == Kind::kNotRun ? "the suite was ended before" : result.why,
                    .seconds = static_cast<double>(result.run.milliseconds) / 1000};
    if (one.host) junit.properties.emplace_back("host", to_string(*one.host));
    for (const auto& [name, bytes] : {std::pair("peak_memory", result.run.peak_memory),
                                      std::pair("free_memory", result.run.free_memory)})
        if (bytes != 0) junit.properties.emplace_back(name, std::to_string(bytes));
    if (!result.bad()) return junit;
    junit.details = junit_details(result.run.messages, result.run.report);
    if (!result.run.console.empty())
        junit.output = fmt::format("{}\n", fmt::join(result.run.console, "\n"));
    return junit;
}

}  // namespace

std::size_t SuiteEnd::count(Kind kind) const {
    return static_cast<std::size_t>(std::ranges::count(results, kind, &CaseResult::kind));
}

int SuiteEnd::exit_code() const {
    if (signal) return killed_by(*signal);
    const bool bad = std::ranges::any_of(results, &CaseResult::bad);
    return to_int(bad ? ExitCode::kLaunch : ExitCode::kShutdown);
}

std::vector<std::string> SuiteEnd::summary(const std::vector<TestCase>& cases) const {
    std::vector<std::string> lines;
    std::size_t unnamed = 0;
    for (std::size_t i = 0; i < cases.size(); ++i) {
        if (!results[i].bad()) continue;
        if (lines.size() == kNamedFailures)
            ++unnamed;
        else
            lines.push_back(fmt::format("failed: {}: {}", cases[i].name(), results[i].why));
    }
    if (unnamed != 0) lines.push_back(fmt::format("failed: {} more", unnamed));
    std::string line = fmt::format("{} of {} passed", count(Kind::kPassed), cases.size());
    for (const auto& [number, what] :
         {std::pair(count(Kind::kFailed) + count(Kind::kError), "failed"),
          std::pair(count(Kind::kSkipped), "skipped"), std::pair(count(Kind::kNotRun), "not run")})
        if (number != 0) line += fmt::format(", {} {}", number, what);
    lines.push_back(fmt::format("{}, in {:.1f} s", line, seconds));
    return lines;
}

Result<SuiteEnd> run_suite(const std::vector<TestCase>& cases, const SuiteOptions& options) {
    return SuiteRun(cases, options).run();
}

std::vector<JunitCase> junit_cases(const std::vector<TestCase>& cases,
                                   const std::vector<CaseResult>& results) {
    std::vector<JunitCase> all;
    all.reserve(cases.size());
    for (std::size_t i = 0; i < cases.size(); ++i) all.push_back(junit_case(cases[i], results[i]));
    return all;
}

}  // namespace rvmm::vmm::suite
