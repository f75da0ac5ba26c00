#include "cli/watch_options.hpp"

#include <filesystem>

#include <unistd.h>

#include "base/text.hpp"

namespace rvmm::cli {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

Result<std::optional<nanoseconds>> time_option(std::string_view option, const std::string& text) {
    if (text.empty()) return std::nullopt;
    const auto time = parse_duration(text);
    if (time) return time;
    return fail(Stage::kUsage, "{} is a time such as 30, 1.5, 500ms, 5m or 1h, not {}", option,
                text);
}

/// The file of a measurement was what --expect took before it was about the console: whoever still
/// asks for that must not get a run that is not held against it.
Result<> check_no_measurement(const std::string& expression) {
    std::error_code ignored;
    if (expression.find_first_of("./") == std::string::npos ||
        !std::filesystem::is_regular_file(expression, ignored))
        return {};
    return std::unexpected(
        Error(Stage::kUsage,
              fmt::format("--expect looks for text on the console, and {} is a file", expression))
            .with_advice("to hold the measurement against it use --expect-measurement"));
}

Result<> add_send(vmm::WatchSpec& spec, const std::string& text) {
    const auto bytes = unescape(text);
    if (!bytes)
        return fail(Stage::kUsage, "--send {}: a \\ is followed by \\, n, r, t or xHH", text);
    if (spec.expect.empty())
        return std::unexpected(
            Error(Stage::kUsage, "--send comes after the --expect that it answers")
                .with_advice("--expect '.' matches the first character"));
    spec.expect.back().send += *bytes;
    return {};
}

}  // namespace

void add_watch_options(CLI::App& command, WatchOptions& options) {
    constexpr const char* kGroup = "Looking after a run (docs/ci.md)";
    options.command = &command;
    const auto add = [&](const char* name, auto& value, const char* type, const char* help) {
        return command.add_option(name, value, help)->type_name(type)->group(kGroup);
    };
    add("--timeout", options.timeout, "TIME",
        "End the run after this time, all told: 30, 1.5, 500ms, 5m, 1h (exit code 124)");
    add("--boot-timeout", options.boot_timeout, "TIME",
        "End it if the guest is not up by then: says READY, or the first --expect");
    add("--expect", options.expect, "REGEX",
        "REGEX that the console must say; several in their order")
        ->take_all()
        ->allow_extra_args(false);
    add("--send", options.send, "KEYS",
        "Type this once the --expect before it has matched; \\n, \\xHH")
        ->take_all()
        ->allow_extra_args(false);
    add("--fail-on", options.fail_on, "REGEX", "REGEX that the console must not say (exit code 81)")
        ->take_all()
        ->allow_extra_args(false);
    command
        .add_flag("--end-when-met", options.end_when_met,
                  "End the run, well, when the last --expect has matched")
        ->group(kGroup);
    command
        .add_flag(
            "--keep-after-panic", options.keep_after_panic,
            "Leave a kernel that has panicked as it is, as on a terminal, and do not end the run")
        ->group(kGroup);
    add("--console-log", options.console_log, "FILE",
        "Write what the guest prints to this new file too");
}

Result<vmm::WatchSpec> watch_spec(const WatchOptions& options, bool inside_lab) {
    vmm::WatchSpec spec;
    RVMM_TRY(const auto timeout, time_option("--timeout", options.timeout));
    if (timeout) spec.deadline = steady_clock::now() + *timeout;
    RVMM_TRY(spec.boot_limit, time_option("--boot-timeout", options.boot_timeout));
    auto expect = options.expect.begin();
    auto send = options.send.begin();
    for (const CLI::Option* option : options.command->parse_order()) {
        if (option->check_lname("expect") && expect != options.expect.end()) {
            if (!inside_lab) RVMM_CHECK(check_no_measurement(*expect));
            RVMM_TRY(auto pattern, vmm::Pattern::compile("--expect", *expect++));
            spec.expect.push_back({std::move(pattern)});
        } else if (option->check_lname("send") && send != options.send.end()) {
            RVMM_CHECK(add_send(spec, *send++));
        }
    }
    for (const std::string& expression : options.fail_on) {
        RVMM_TRY(auto pattern, vmm::Pattern::compile("--fail-on", expression));
        spec.fail_on.push_back(std::move(pattern));
    }
    if (options.end_when_met && spec.expect.empty())
        return fail(Stage::kUsage, "--end-when-met needs an --expect");
    spec.end_when_met = options.end_when_met;
    // A person reads what a kernel says of its panic; a script waits for an end.
    spec.panic_ends = !options.keep_after_panic && ::isatty(STDIN_FILENO) == 0;
    return spec;
}

}  // namespace rvmm::cli
