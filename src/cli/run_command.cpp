#include "cli/run_command.hpp"

#include <memory>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "base/file.hpp"
#include "realm/plan/launch_plan.hpp"
#include "vmm/run/run_image.hpp"

namespace rvmm::cli {
namespace {

struct RunOptions {
    std::string config;
    realm::ConfigOptions parsing;
    bool emulate = false;
    std::string host;
    bool json = false;
    std::string report;
    bool inside_lab = false;
};

std::optional<realm::HostKind> host_kind(const std::string& name) {
    for (const auto kind :
         {realm::HostKind::kCca, realm::HostKind::kEmulated, realm::HostKind::kLab})
        if (to_string(kind) == name) return kind;
    return std::nullopt;
}

/// The file of --report: new, and gone again if there is nothing to report.
class ReportFile {
  public:
    static Result<ReportFile> create(std::string path) {
        ReportFile file(std::move(path));
        if (file.path_.empty()) return file;
        file.fd_.reset(::open(file.path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
        if (!file.fd_)
            return fail_errno(Stage::kUsage, errno, "cannot create the report {}", file.path_);
        return file;
    }
    ReportFile(ReportFile&&) = default;
    ~ReportFile() {
        if (fd_ && !written_) ::unlink(path_.c_str());
    }
    Result<> write(std::string_view text) {
        if (!fd_) return {};
        written_ = true;
        return write_all(Stage::kLaunch, fd_.get(), as_bytes(text), "the report");
    }

  private:
    explicit ReportFile(std::string path) : path_(std::move(path)) {}
    std::string path_;
    UniqueFd fd_;
    bool written_ = false;
};

Result<int> run(const RunOptions& options) {
    RVMM_TRY(auto report, ReportFile::create(options.report));
    RVMM_TRY(auto spec, realm::load_config(options.config, options.parsing));
    RVMM_TRY(const auto plan, realm::LaunchPlan::create(std::move(spec)));
    vmm::RunRequest request;
    request.wishes = {options.emulate, host_kind(options.host)};
    request.console_to_stderr = options.json;
    request.inside_lab = options.inside_lab;
    RVMM_TRY(const auto outcome, vmm::run_image(plan, request));
    if (outcome.report.empty()) return outcome.exit_code;  // the lab's rvmm said why
    const std::string line = outcome.report + "\n";
    RVMM_CHECK(report.write(line));
    if (options.json)
        RVMM_CHECK(write_all(Stage::kLaunch, STDOUT_FILENO, as_bytes(line), "the report"));
    return outcome.exit_code;
}

constexpr const char* kFooter = R"(Examples:
  rvmm run image.cfg                          a realm if it has a [realm] table, else a VM
  rvmm run --realm image.cfg --emulate        a realm, on any machine, without protection
  rvmm run image.cfg --set machine.memory=1G  with one value changed
  rvmm run image.cfg --json 2>console.log     the report on standard output

Ctrl-A x ends the guest, Ctrl-A h lists the other keys. Exit codes: docs/exit-codes.md.)";

}  // namespace

void add_run_command(CLI::App& app, CommandResult& result) {
    auto options = std::make_shared<RunOptions>();
    CLI::App* command =
        app.add_subcommand("run", "Launch an image as a realm, or as an ordinary VM");
    command->add_option("config", options->config, "The image's config (docs/image-cfg.md)")
        ->required();
    command->add_flag("--realm", options->parsing.force_realm,
                      "Launch as a realm even without a [realm] table");
    command->add_flag("--emulate", options->emulate,
                      "Allow a realm without hardware protection, here or in a lab");
    command->add_option("--host", options->host, "Use this kind of host or none")
        ->check(CLI::IsMember({"cca", "emulated", "lab"}));
    command->add_option("--set", options->parsing.overrides, "Change one value: KEY=VALUE")
        ->take_all()
        ->allow_extra_args(false);
    command->add_flag("--json", options->json,
                      "Print a report on standard output; the console goes to standard error");
    command->add_option("--report", options->report, "Write the report to this new file");
    command->add_flag("--inside-lab", options->inside_lab)->group("");
    command->footer(kFooter);
    command->callback([options, &result] { result.value = run(*options); });
}

}  // namespace rvmm::cli
