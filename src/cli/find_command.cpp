#include "cli/find_command.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/exit_code.hpp"
#include "base/file.hpp"
#include "base/version.hpp"
#include "cli/hex_options.hpp"
#include "cli/measuring.hpp"
#include "cli/output.hpp"
#include "realm/plan/find.hpp"

namespace rvmm::cli {
namespace {

constexpr std::uint64_t kMaxTryFile = 256ULL << 20;  // bytes

struct FindCommandOptions {
    std::string config;
    std::string rim;
    realm::ConfigOptions parsing{.force_realm = true, .overrides = {}};
    realm::FindOptions find;
    std::vector<std::string> try_files;
    std::string profiles;
    bool json = false;
};

/// Says on a terminal how far the search is, until it is destroyed.
class ProgressLine {
  public:
    explicit ProgressLine(const realm::FindProgress& progress)
        : progress_(progress), thread_([this](const std::stop_token& stop) { run(stop); }) {}

  private:
    void run(const std::stop_token& stop) {
        using namespace std::chrono_literals;
        std::mutex mutex;
        std::condition_variable_any never;
        bool shown = false;
        std::unique_lock lock(mutex);
        while (!never.wait_for(lock, stop, 300ms, [&] { return stop.stop_requested(); })) {
            fmt::print(stderr, "\r{} changed at once: {} candidates, {} extensions\x1b[K",
                       progress_.changes.load(), progress_.tried.load(), progress_.steps.load());
            shown = true;
        }
        if (shown) fmt::print(stderr, "\r\x1b[K");
    }

    const realm::FindProgress& progress_;
    std::jthread thread_;
};

/// The lines of `path` that are not empty.
Result<> add_lines(const std::string& path, std::vector<std::string>& lines) {
    RVMM_TRY(const Bytes bytes, read_file("list of command lines", path, kMaxTryFile));
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        if (end != 0) lines.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return {};
}

std::string json_of(const FindCommandOptions& options, const measure::Digest& rim,
                    const realm::FindOutcome& outcome) {
    const auto value = [](const std::string& text) {
        return text.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(text);
    };
    nlohmann::ordered_json json;
    json["tool"] = fmt::format("rvmm {}", kVersion);
    json["config"] = options.config;
    json["rim"] = to_hex(rim);
    json["found"] = outcome.found.has_value();
    if (outcome.found) {
        json["profile"] = outcome.found->spec.realm->profile;
        json["hash"] = to_string(outcome.found->spec.realm->hash);
        json["changes"] = nlohmann::ordered_json::array();
        for (const realm::Change& change : outcome.found->changes)
            json["changes"].push_back(
                {{"key", change.key}, {"from", value(change.from)}, {"to", value(change.to)}});
    }
    json["tried"] = outcome.tried;
    json["extensions"] = outcome.steps;
    json["changed_at_once"] = outcome.changes;
    return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string text_of(const FindCommandOptions& options, const realm::FindOutcome& outcome) {
    const auto& changes = outcome.found->changes;
    const auto shown = [](const std::string& text) { return text.empty() ? "nothing" : text; };
    std::string text = changes.empty() ? fmt::format("{} as it is has this RIM", options.config)
                                       : fmt::format("{} has this RIM with", options.config);
    for (const realm::Change& change : changes)
        text +=
            fmt::format("\n  {} = {}  (now {})", change.key, shown(change.to), shown(change.from));
    return text + fmt::format("\nprofile: {}\ntried: {} (rvmm {})\n",
                              outcome.found->spec.realm->profile, outcome.tried, kVersion);
}

Error not_found(const realm::FindOutcome& outcome) {
    Error error(Stage::kMeasurement,
                fmt::format("no variation has this RIM: {} tried, with up to {} key{} changed",
                            outcome.tried, outcome.changes, outcome.changes == 1 ? "" : "s"));
    if (outcome.next_round == 0) return error;
    return std::move(error).with_advice(
        fmt::format("--changes {} tries up to {} more", outcome.changes + 1, outcome.next_round));
}

Result<int> run(FindCommandOptions& options) {
    RVMM_TRY(const auto rim, digest_option("--rim", options.rim));
    for (const std::string& path : options.try_files)
        RVMM_CHECK(add_lines(path, options.find.wishes.cmdlines));
    RVMM_TRY(const ProfileFile profiles, ProfileFile::load(options.profiles));
    options.find.profiles = &profiles.table;
    RVMM_TRY(const auto spec, realm::load_config(options.config, options.parsing));
    realm::FindProgress progress;
    options.find.progress = &progress;
    std::optional<ProgressLine> line;
    if (::isatty(STDERR_FILENO) == 1) line.emplace(progress);
    auto found = find_rim(spec, rim, options.find);
    line.reset();
    if (!found) return std::unexpected(std::move(found).error());
    if (!options.json && !found->found) return std::unexpected(not_found(*found));
    const std::string text =
        options.json ? json_of(options, rim, *found) : text_of(options, *found);
    RVMM_CHECK(print(text, "what was found"));
    return to_int(found->found ? ExitCode::kShutdown : ExitCode::kMeasurement);
}

constexpr const char* kFindExamples = R"(Examples:
  rvmm find image.cfg --rim 8fe0942b6ee2...       the config with one value changed, then more
  rvmm find image.cfg --rim $RIM --try 'quiet' --try 'quiet ro'
                                                  with other command lines too
  rvmm find image.cfg --rim $RIM --vary machine.vcpus=1-64 --vary machine.memory=256M-64G
                                                  with more values of a key (sizes: doubled)
  rvmm find image.cfg --rim $RIM --only machine.vcpus,realm.sve_vl,realm.breakpoints
                                                  every combination of a few keys

Keys that vary: realm.profile, realm.ipa_bits, realm.sve_vl, realm.pmu_counters, realm.breakpoints,
realm.watchpoints, machine.memory, machine.vcpus, boot.cmdline (--try), boot.initrd (or none).
Exit code 0 if a variation has the RIM, 76 if none of those that were tried has. More: docs/find.md.)";

}  // namespace

void add_find_command(CLI::App& app, CommandResult& result) {
    auto options = std::make_shared<FindCommandOptions>();
    realm::AxisWishes& wishes = options->find.wishes;
    CLI::App* command =
        app.add_subcommand("find", "Find the variation of a config that has a given RIM");
    command->add_option("config", options->config, "The image's config (docs/image-cfg.md)")
        ->type_name("FILE")
        ->required();
    command->add_option("--rim", options->rim, "The RIM: 64, 96 or 128 hex digits")
        ->type_name("HEX")
        ->required();
    const auto repeatable = [command](const char* name, std::vector<std::string>& values,
                                      const char* type, const char* help) {
        return command->add_option(name, values, help)
            ->type_name(type)
            ->take_all()
            ->allow_extra_args(false);
    };
    repeatable("--try", wishes.cmdlines, "CMDLINE", "Try this command line too");
    repeatable("--try-file", options->try_files, "FILE",
               "Try the command lines in this file, one a line");
    repeatable("--vary", wishes.vary, "KEY=VALUES", "Try these values of a key: KEY=V1,V2,A-B");
    repeatable("--only", wishes.only, "KEYS", "Vary these keys alone: KEY,KEY...")->delimiter(',');
    command
        ->add_option("--changes", options->find.changes,
                     "The most keys changed at once (3; with --only: all)")
        ->check(CLI::Range(0U, 10U));
    repeatable("--set", options->parsing.overrides, "KEY=VALUE",
               "Change one value first: KEY=VALUE");
    add_profiles_option(*command, options->profiles);
    command->add_flag("--json", options->json, "Print one JSON document");
    command->footer(kFindExamples);
    command->callback([options, &result] { result.value = run(*options); });
}

}  // namespace rvmm::cli
