#include "vmm/control/run_entry.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <sstream>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/json_fields.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace rvmm::vmm {
namespace {

bool may_be_in_a_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
}

/// The process that has this id now, if there is one that has not ended.
Result<std::optional<ProcessId>> look_at(int pid) {
    const std::string path = fmt::format("/proc/{}/stat", pid);
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd && errno == ENOENT) return std::nullopt;
    std::array<char, 4096> buffer;
    const ssize_t size = fd ? ::read(fd.get(), buffer.data(), buffer.size()) : -1;
    if (size < 0 && errno == ESRCH) return std::nullopt;  // it has ended in between
    if (size < 0) return fail_errno(Stage::kHostCannot, errno, "cannot read {}", path);
    const std::string line(buffer.data(), static_cast<std::size_t>(size));
    // proc(5): "pid (name) state ...", the start is field 22; the name may hold anything.
    const std::size_t name_end = line.rfind(')');
    if (name_end == std::string::npos) return std::nullopt;
    std::istringstream fields(line.substr(name_end + 1));
    std::string field;
    for (int number = 3; number <= 22 && fields >> field; ++number)
        if (number == 3 && (field == "Z" || field == "X")) return std::nullopt;
    const auto start_time = parse_unsigned(field);
    if (!start_time) return std::nullopt;
    return ProcessId{pid, *start_time};
}

}  // namespace

bool is_run_name(std::string_view name) {
    return !name.empty() && name.size() <= kMaxRunName && name.front() != '.' &&
           std::ranges::all_of(name, may_be_in_a_name);
}

std::string default_run_name(const std::string& config, int process) {
    const std::string suffix = fmt::format("-{}", process);
    std::string stem = std::filesystem::path(config).stem().native();
    stem.resize(std::min(stem.size(), kMaxRunName - suffix.size()));
    for (char& c : stem)
        if (!may_be_in_a_name(c)) c = '_';
    if (stem.empty() || stem.front() == '.') stem = "rvmm";
    return stem + suffix;
}

ProcessId ProcessId::ours() {
    return of(::getpid()).value_or(ProcessId{::getpid(), 0});
}

std::optional<ProcessId> ProcessId::of(int pid) {
    return look_at(pid).value_or(std::nullopt);
}

bool ProcessId::is_alive() const {
    const auto there = look_at(pid);
    return !there || *there == *this;
}

std::string RunEntry::to_json() const {
    nlohmann::ordered_json json;
    json["name"] = name;
    json["pid"] = process.pid;
    json["start_time"] = process.start_time;
    json["config"] = config;
    json["socket"] = socket;
    json["since"] = since;
    json["host"] = host;
    json["rim"] = rim.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(rim);
    json["answers"] = answers;
    return json.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::optional<RunEntry> RunEntry::from_json(std::string_view name, std::string_view text) {
    const auto json = parse_object(text);
    if (!json) return std::nullopt;
    const auto pid = as_unsigned(member(*json, "pid"), INT32_MAX);
    const auto start_time = as_unsigned(member(*json, "start_time"), UINT64_MAX);
    const auto socket = as_text(member(*json, "socket"));
    if (!pid || !start_time || !socket) return std::nullopt;
    RunEntry entry;
    entry.name = name;
    entry.process = {static_cast<int>(*pid), *start_time};
    entry.socket = *socket;
    entry.config = as_text(member(*json, "config")).value_or("");
    entry.since =
        static_cast<std::int64_t>(as_unsigned(member(*json, "since"), INT64_MAX).value_or(0));
    entry.host = as_text(member(*json, "host")).value_or("");
    entry.rim = as_text(member(*json, "rim")).value_or("");
    const auto* answers = member(*json, "answers");
    entry.answers = answers != nullptr && answers->is_boolean() && answers->get<bool>();
    return entry;
}

}  // namespace rvmm::vmm
