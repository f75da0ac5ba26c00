// What `rvmm ps` and `rvmm ctl` show and ask.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "vmm/control/run_entry.hpp"
#include "vmm/control/runtime_folder.hpp"

namespace rvmm::vmm {

struct ListedRun {
    RunEntry entry;
    std::string status;  // QMP's RunState; "launching"; "no answer"
};

/// All of this user's runs, each asked for its status.
Result<std::vector<ListedRun>> list_runs(const RuntimeFolder::Surroundings& surroundings);
std::string to_text(const std::vector<ListedRun>& runs);
/// One JSON array.
std::string to_json(const std::vector<ListedRun>& runs);

/// The run with this name. Errors (Stage::kUsage): there is none; the advice has those there are.
Result<RunEntry> find_run(const RuntimeFolder::Surroundings& surroundings, const std::string& name);

/// A command of `rvmm ctl` as the request that it is; nothing if there is no such command.
std::optional<std::string> request_for(const std::string& command);
/// Errors (Stage::kUsage): `text` is not one JSON object, as the socket takes it.
Result<> check_request(const std::string& text);
inline constexpr std::chrono::milliseconds kAnswerPatience = std::chrono::seconds(5);
/// Sends `request`, one JSON object, to the run's socket and returns the reply; waits for a run
/// that is launching. Errors (Stage::kLaunch): no answer within `patience`.
Result<nlohmann::json> ask_run(const RunEntry& run, const std::string& request,
                               std::chrono::milliseconds patience = kAnswerPatience);
/// Waits until the process of `run` has ended. Errors (Stage::kLaunch): it has not within
/// `patience`.
Result<> wait_for_end(const RunEntry& run, std::chrono::nanoseconds patience);
/// What a reply says, for a person. Errors (Stage::kLaunch): it is an error reply.
Result<std::string> reply_text(const nlohmann::json& reply);

}  // namespace rvmm::vmm
