#include "vmm/suite/lab_suite.hpp"

#include <algorithm>
#include <csignal>
#include <functional>
#include <memory>

#include <unistd.h>

#include "base/exit_code.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "vmm/lab/held_signals.hpp"
#include "vmm/lab/lab.hpp"
#include "vmm/suite/case_command.hpp"
#include "vmm/suite/case_runner.hpp"
#include "vmm/suite/lab_images.hpp"
#include "vmm/suite/lab_needs.hpp"

namespace rvmm::vmm::suite {
namespace {

constexpr const char* kJob = "/job/cases.json";
constexpr const char* kJobProfiles = "/job/profiles.toml";
constexpr std::uint64_t kMostJob = 256U << 20;  // bytes

/// One launch in the lab.
struct LabCase {
    std::size_t index;  // of the suite's cases
    std::string host;   // what the report from inside must say
    ImageInLab image;
};

class OneLab {
  public:
    OneLab(const LabSuite& suite, const TellResult& tell)
        : suite_(suite), tell_(tell), images_(suite.profiles) {}

    std::optional<int> run() {
        for (const std::size_t index : suite_.chosen) {
            if (const auto signal = lab::HeldSignals::take()) return signal;
            if (wanted_) add(index);
        }
        if (cases_.empty() || !wanted_) return std::nullopt;
        told_.resize(cases_.size());
        const auto outcome = boot();
        if (!outcome) {
            fail_rest(outcome.error());
            return std::nullopt;
        }
        for (const int number : {SIGHUP, SIGINT, SIGQUIT, SIGTERM})
            if (outcome->exit_code == killed_by(number)) return number;
        if (lines_error_)
            fail_rest(*lines_error_);
        else if (outcome->timed_out)
            fail_rest({Stage::kLaunch, "the lab had no time left for it"});
        else
            fail_rest(
                {Stage::kLaunch, fmt::format("the lab's rvmm ended with exit code {} before it",
                                             outcome->exit_code)});
        return std::nullopt;
    }

  private:
    void add(std::size_t index) {
        const TestCase& one = suite_.cases[index];
        const auto image = images_.add(one);
        if (!image) {
            tell(index, not_launched(image.error()));
            return;
        }
        const bool realm = !image->rim.empty();
        const std::string host(realm ? to_string(suite_.search.machine.realms) : "vm");
        cases_.push_back({index, host, *image});
        commands_.push_back(lab_command(*one.spec, image->config, realm ? host : "",
                                        suite_.profiles_text.empty() ? "" : kJobProfiles));
    }

    Result<lab::LabOutcome> boot() {
        RVMM_TRY(const auto config, lab::LabConfig::find(suite_.search));
        lab::LabRequest request;
        request.argv = {"rvmm", "test", "--inside-lab", kJob, "-j", std::to_string(suite_.at_once)};
        request.files = images_.files();
        add_text(request, kJob, write_job(commands_));
        if (!suite_.profiles_text.empty()) add_text(request, kJobProfiles, suite_.profiles_text);
        request.network = images_.network();
        request.no_input = true;
        if (!config.machine.memory) request.memory = memory();
        request.deadline = std::chrono::steady_clock::now() + config.machine.boot_limit +
                           suite_lab_time(commands_, suite_.at_once);
        RunLines lines(cases_.size(),
                       [this](std::size_t number, CaseRun run) { on_run(number, std::move(run)); });
        request.output_to_tap_alone = true;
        request.output_tap = [&](ByteSpan bytes) {
            if (auto fed = lines.feed(bytes); !fed) lines_error_ = std::move(fed).error();
        };
        request.still_wanted = [this] { return wanted_ && !lines_error_; };
        return lab::run_in_lab(config, request);
    }

    static void add_text(lab::LabRequest& request, const char* path, std::string_view text) {
        const ByteSpan bytes = as_bytes(text);
        request.files.push_back({path, std::make_shared<const Bytes>(bytes.begin(), bytes.end())});
    }

    std::uint64_t memory() const {
        std::vector<std::uint64_t> guests;
        guests.reserve(cases_.size());
        for (const LabCase& one : cases_) guests.push_back(one.image.memory);
        return suite_lab_memory(std::move(guests), suite_.at_once, images_.files());
    }

    void on_run(std::size_t number, CaseRun run) {
        const LabCase& one = cases_[number];
        told_[number] = true;
        tell(one.index,
             judge(*suite_.cases[one.index].spec, std::move(run), {one.host, true, one.image.rim}));
    }

    void tell(std::size_t index, CaseResult result) {
        if (wanted_) wanted_ = tell_(index, std::move(result));
    }

    /// Those of which nothing was heard. The first has all of the reason, the others its first
    /// line.
    void fail_rest(const Error& error) {
        const std::string& text = error.message();
        const std::size_t line = std::min(text.find('\n'), text.size());
        CaseResult result{.kind = CaseResult::Kind::kError, .why = escape(text.substr(0, line))};
        for (std::size_t begin = line; begin < text.size();) {
            const std::size_t end = std::min(text.find('\n', begin + 1), text.size());
            result.run.messages.push_back(escape(text.substr(begin + 1, end - begin - 1)));
            begin = end;
        }
        if (!error.advice().empty()) result.run.messages.push_back("hint: " + error.advice());
        for (std::size_t i = 0; i < cases_.size(); ++i) {
            if (told_[i]) continue;
            tell(cases_[i].index, result);
            result.run.messages.clear();
        }
    }

    const LabSuite& suite_;
    const TellResult& tell_;
    LabImages images_;
    std::vector<LabCase> cases_;
    std::vector<CaseCommand> commands_;
    std::vector<bool> told_;
    bool wanted_ = true;
    std::optional<Error> lines_error_;
};

}  // namespace

std::optional<int> run_in_one_lab(const LabSuite& suite, const TellResult& tell) {
    return OneLab(suite, tell).run();
}

Result<int> run_job_inside_lab(const std::string& path, std::size_t at_once) {
    RVMM_TRY(const Bytes bytes, read_file("list of cases", path, kMostJob));
    RVMM_TRY(const auto commands,
             read_job({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
    Result<> written;
    RVMM_TRY(const auto signal,
             run_cases(commands, at_once, [&](std::size_t index, const CaseRun& run) {
                 written = write_all(Stage::kLaunch, STDOUT_FILENO, as_bytes(run_line(index, run)),
                                     "what came of a case");
                 return written.has_value();
             }));
    RVMM_CHECK(written);
    return signal ? killed_by(*signal) : to_int(ExitCode::kShutdown);
}

}  // namespace rvmm::vmm::suite
