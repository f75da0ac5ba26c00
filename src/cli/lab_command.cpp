#include "cli/lab_command.hpp"

#include <cerrno>
#include <filesystem>
#include <memory>

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.hpp"
#include "base/text.hpp"
#include "cli/lab_option.hpp"
#include "vmm/lab/agent.hpp"
#include "vmm/lab/lab.hpp"

namespace rvmm::cli {
namespace {

namespace fs = std::filesystem;
namespace lab = vmm::lab;

constexpr std::uint64_t kMaxPut = UINT32_MAX;
constexpr std::string_view kJobFolder = "/job";

struct LabOptions {
    std::vector<std::string> puts;
    std::vector<std::string> gets;
    std::string command;  // stays empty: see add_run()
    std::string memory;
    std::optional<unsigned> cpus;
    std::string lab;
};

struct Fetch {
    std::string remote;
    fs::path local;
};

std::string in_job_folder(std::string_view path) {
    return path.starts_with('/') ? std::string(path) : fmt::format("{}/{}", kJobFolder, path);
}

/// "LOCAL" or "LOCAL:REMOTE".
Result<lab::LabFile> parse_put(std::string_view text) {
    const std::size_t colon = text.find(':');
    const fs::path local(text.substr(0, colon));
    std::string remote(colon == text.npos ? "" : text.substr(colon + 1));
    if (remote.empty()) remote = local.filename().native();
    if (remote.empty()) return fail(Stage::kUsage, "--put {} names no file", text);
    RVMM_TRY(const UniqueFd fd, open_regular("file", local));
    RVMM_TRY(Bytes content, read_open_file("file", local, fd.get(), kMaxPut));
    struct stat status = {};
    if (::fstat(fd.get(), &status) != 0)
        return fail_errno(Stage::kImage, errno, "cannot stat file {}", local.native());
    return lab::LabFile{.path = in_job_folder(remote),
                        .content = std::make_shared<const Bytes>(std::move(content)),
                        .mode = status.st_mode & 0777};
}

/// "REMOTE:LOCAL", where LOCAL is not there yet.
Result<Fetch> parse_get(std::string_view text) {
    const std::size_t colon = text.find(':');
    if (colon == text.npos || colon == 0 || colon + 1 == text.size())
        return fail(Stage::kUsage, "--get takes REMOTE:LOCAL, not {}", text);
    Fetch fetch{in_job_folder(text.substr(0, colon)), fs::path(text.substr(colon + 1))};
    struct stat status = {};
    if (::lstat(fetch.local.c_str(), &status) == 0)
        return fail(Stage::kUsage, "--get {}: {} exists and is not overwritten", text,
                    fetch.local.native());
    const fs::path folder = fetch.local.has_parent_path() ? fetch.local.parent_path() : ".";
    if (::access(folder.c_str(), W_OK | X_OK) != 0)
        return fail_errno(Stage::kUsage, errno, "--get {}: cannot write into {}", text,
                          folder.native());
    return fetch;
}

Result<> store(const Fetch& fetch, const lab::LabOutcome& outcome) {
    const auto found = outcome.collected.find(fetch.remote);
    if (found == outcome.collected.end()) {
        const auto why = outcome.not_collected.find(fetch.remote);
        return fail(Stage::kLaunch, "cannot bring {} back from the lab: {}", fetch.remote,
                    why == outcome.not_collected.end() ? "the lab was killed" : why->second);
    }
    const UniqueFd fd(::open(fetch.local.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (!fd) return fail_errno(Stage::kLaunch, errno, "cannot create {}", fetch.local.native());
    return write_all(Stage::kLaunch, fd.get(), found->second, fetch.local.native());
}

Result<int> run_command(const LabOptions& options, std::vector<std::string> argv,
                        lab::Console console) {
    lab::LabRequest request{.argv = std::move(argv), .console = console, .cpus = options.cpus};
    if (!options.memory.empty()) {
        request.memory = parse_size(options.memory);
        if (!request.memory)
            return fail(Stage::kUsage, "--memory takes a size such as 2G, not {}", options.memory);
    }
    std::vector<Fetch> fetches;
    for (const std::string& text : options.gets) {
        RVMM_TRY(auto fetch, parse_get(text));
        fetches.push_back(std::move(fetch));
        request.collect.push_back(fetches.back().remote);
    }
    for (const std::string& text : options.puts) {
        RVMM_TRY(auto file, parse_put(text));
        request.files.push_back(std::move(file));
    }
    RVMM_TRY(const auto search, lab::LabSearch::from_environment(options.lab));
    RVMM_TRY(const auto config, lab::LabConfig::find(search));
    RVMM_TRY(const auto outcome, lab::run_in_lab(config, request));
    Result<> stored;
    for (const Fetch& fetch : fetches)
        if (auto done = store(fetch, outcome); !done && stored) stored = std::move(done);
    // A command that failed says more than a file that it did not write.
    if (!stored && outcome.exit_code == 0) return std::unexpected(std::move(stored).error());
    return outcome.exit_code;
}

/// With a terminal on all three the command gets one as well.
lab::Console console_for_run() {
    const bool terminal =
        ::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0 && ::isatty(STDERR_FILENO) != 0;
    return terminal ? lab::Console::kPty : lab::Console::kPipes;
}

void add_machine_options(CLI::App& command, LabOptions& options) {
    command.add_option("--memory", options.memory, "The lab's memory (3G)")->type_name("SIZE");
    command.add_option("--cpus", options.cpus, "The lab's CPUs, 1 to 8 (2)");
    add_lab_option(command, options.lab);
}

/// CMD with its arguments as they were typed, without the "--" before it.
Result<std::vector<std::string>> typed_command(std::vector<std::string> rest) {
    if (!rest.empty() && rest.front() == "--")
        rest.erase(rest.begin());
    else if (!rest.empty() && rest.front().starts_with('-'))
        return fail(Stage::kUsage, "lab run has no option {}", rest.front());
    if (rest.empty()) return fail(Stage::kUsage, "lab run needs a command");
    return rest;
}

void add_run(CLI::App& lab_command, const std::shared_ptr<LabOptions>& options,
             CommandResult& result) {
    CLI::App* run = lab_command.add_subcommand("run", "Run one command in a lab");
    run->add_option("--put", options->puts, "LOCAL[:REMOTE]: copy a file into the lab, to /job")
        ->type_name("FILE")
        ->take_all()
        ->allow_extra_args(false);
    run->add_option("--get", options->gets, "REMOTE:LOCAL: bring a file back afterwards")
        ->type_name("FILE")
        ->take_all()
        ->allow_extra_args(false);
    add_machine_options(*run, *options);
    // From CMD on everything is left as it is: CLI11 keeps such a rest only for what it has no
    // place for, so the positional that documents CMD refuses it.
    const auto refuse = [](const std::string&) { return std::string("is part of CMD"); };
    run->add_option("CMD", options->command, "The command and its arguments")
        ->check(CLI::Validator(refuse, ""));
    run->validate_positionals();
    run->prefix_command();
    run->callback([run, options, &result] {
        auto command = typed_command(run->remaining());
        result.value = command ? run_command(*options, *std::move(command), console_for_run())
                               : std::unexpected(std::move(command).error());
    });
}

constexpr const char* kLabExamples = R"(Examples:
  rvmm lab shell                                        a shell on a booted arm64 KVM host
  rvmm lab run uname -a                                 one command there
  rvmm lab run --put test.sh --get log:log sh test.sh   with a file that goes in, and one that comes back

docs/lab.md tells what is in a lab, and how to use one of other kernels and machines.)";

}  // namespace

void add_lab_command(CLI::App& app, CommandResult& result) {
    auto options = std::make_shared<LabOptions>();  // the callbacks keep it alive
    CLI::App* command =
        app.add_subcommand("lab", "Run commands in a lab, an emulated arm64 KVM host");
    command->require_subcommand(1);
    command->footer(kLabExamples);  // also of the commands below
    add_run(*command, options, result);

    CLI::App* shell = command->add_subcommand("shell", "A shell in a lab");
    add_machine_options(*shell, *options);
    shell->callback([options, &result] {
        result.value = run_command(*options, {"/bin/sh", "-l"}, lab::Console::kPty);
    });

    CLI::App* agent = command->add_subcommand("agent", "");
    agent->group("");  // hidden: the lab starts it
    agent->callback([&result] { result.value = lab::run_agent(); });
}

}  // namespace rvmm::cli
