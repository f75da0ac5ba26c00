#include "vmm/control/run_list.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <thread>
#include <utility>

#include "base/json_fields.hpp"
#include "vmm/control/control_client.hpp"
#include "vmm/control/run_names.hpp"

namespace rvmm::vmm {
namespace {

using nlohmann::ordered_json;

constexpr auto kStatusPatience = std::chrono::milliseconds(500);
constexpr auto kEndStep = std::chrono::milliseconds(20);

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kRequests = {{
    {"stop", "stop"},
    {"cont", "cont"},
    {"powerdown", "system_powerdown"},
    {"quit", "quit"},
    {"status", "query-status"},
    {"realm", "x-realm-query"},
    {"stats", "x-stats"},
}};

std::string status_of(const RunEntry& entry) {
    if (!entry.answers) return "launching";
    auto client = ControlClient::connect(entry.socket, kStatusPatience);
    if (!client) return "no answer";
    const auto status = client->run("query-status");
    if (!status) return "no answer";
    return as_text(member(*status, "status")).value_or("no answer");
}

/// As ISO 8601, in this system's time zone.
std::string time_text(std::int64_t seconds) {
    const std::time_t time = seconds;
    std::tm parts = {};
    std::array<char, 32> text = {};
    if (::localtime_r(&time, &parts) == nullptr) return "-";
    const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    return {text.data(), size};
}

/// What was printed to a terminal may not steer it.
std::string printable(std::string text) {
    std::ranges::replace_if(
        text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; }, '?');
    return text;
}

Result<std::vector<RunEntry>> entries(const RuntimeFolder::Surroundings& surroundings) {
    RVMM_TRY(const auto folder, RuntimeFolder::find(surroundings));
    if (!folder) return std::vector<RunEntry>();
    return running(*folder);
}

}  // namespace

Result<std::vector<ListedRun>> list_runs(const RuntimeFolder::Surroundings& surroundings) {
    RVMM_TRY(const auto found, entries(surroundings));
    std::vector<ListedRun> runs;
    runs.reserve(found.size());
    for (const RunEntry& entry : found) runs.push_back({entry, status_of(entry)});
    return runs;
}

std::string to_text(const std::vector<ListedRun>& runs) {
    std::size_t width = 4;
    for (const ListedRun& run : runs) width = std::max(width, run.entry.name.size());
    std::string text = fmt::format("{:<{}}  {:>7}  {:<14}  {:<19}  {}\n", "NAME", width, "PID",
                                   "STATUS", "SINCE", "CONFIG");
    for (const auto& [entry, status] : runs)
        text +=
            fmt::format("{:<{}}  {:>7}  {:<14}  {:<19}  {}\n", entry.name, width, entry.process.pid,
                        printable(status), time_text(entry.since), printable(entry.config));
    return text;
}

std::string to_json(const std::vector<ListedRun>& runs) {
    ordered_json list = ordered_json::array();
    for (const auto& [entry, status] : runs) {
        ordered_json json;
        json["name"] = entry.name;
        json["pid"] = entry.process.pid;
        json["status"] = status;
        json["since"] = entry.since;
        json["config"] = entry.config;
        json["host"] = entry.host;
        json["rim"] = entry.rim.empty() ? ordered_json() : ordered_json(entry.rim);
        json["socket"] = entry.socket;
        list.push_back(std::move(json));
    }
    return list.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

Result<RunEntry> find_run(const RuntimeFolder::Surroundings& surroundings,
                          const std::string& name) {
    RVMM_TRY(const auto found, entries(surroundings));
    std::string names;
    for (const RunEntry& entry : found) {
        if (entry.name == name) return entry;
        names += (names.empty() ? "" : ", ") + entry.name;
    }
    return std::unexpected(
        Error(Stage::kUsage, fmt::format("no run is named {}", name))
            .with_advice(names.empty() ? "nothing runs" : "these run: " + names));
}

std::optional<std::string> request_for(const std::string& command) {
    for (const auto& [name, qmp] : kRequests)
        if (name == command) return ordered_json{{"execute", qmp}}.dump();
    return std::nullopt;
}

Result<> check_request(const std::string& text) {
    // A string ends with its line at the latest.
    const std::string line = text + "\n";
    std::string_view rest(line);
    JsonStream stream;
    const auto item = stream.next(rest);
    if (!item) return fail(Stage::kUsage, "the request is not a whole JSON object: {}", text);
    if (const auto* mistake = std::get_if<JsonStream::Mistake>(&*item))
        return fail(Stage::kUsage, "the request is no JSON object: {}", mistake->what);
    if (stream.next(rest) || !stream.is_between())
        return fail(Stage::kUsage, "the request goes on behind its JSON object: {}", text);
    return {};
}

Result<nlohmann::json> ask_run(const RunEntry& run, const std::string& request,
                               std::chrono::milliseconds patience) {
    // The socket is there from the beginning: it greets when the launch is over.
    auto client = ControlClient::connect(run.socket, patience);
    if (!client && !run.answers)
        return std::unexpected(
            std::move(client).error().with_context(fmt::format("{} is launching", run.name)));
    if (!client) return std::unexpected(std::move(client).error());
    return client->ask(request);
}

Result<> wait_for_end(const RunEntry& run, std::chrono::nanoseconds patience) {
    const auto begin = std::chrono::steady_clock::now();
    while (run.process.is_alive()) {
        if (std::chrono::steady_clock::now() - begin > patience)
            return fail(Stage::kLaunch, "the run {} has not ended within {:g} s", run.name,
                        std::chrono::duration<double>(patience).count());
        std::this_thread::sleep_for(kEndStep);
    }
    return {};
}

Result<std::string> reply_text(const nlohmann::json& reply) {
    const nlohmann::json* value = member(reply, "return");
    if (value == nullptr) {
        const nlohmann::json* error = member(reply, "error");
        return fail(Stage::kLaunch, "{}",
                    error == nullptr
                        ? "an error reply"
                        : printable(as_text(member(*error, "desc")).value_or("an error reply")));
    }
    if (value->is_object() && value->empty()) return std::string();
    if (const auto status = as_text(member(*value, "status"))) return printable(*status) + "\n";
    return value->dump(2) + "\n";
}

}  // namespace rvmm::vmm
