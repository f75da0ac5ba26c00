// Runs an image: chooses the host, launches the plan there, reports how it ended.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "realm/plan/launch_plan.hpp"
#include "vmm/events/run_events.hpp"
#include "vmm/hosts/host_facts.hpp"
#include "vmm/kvm/driver.hpp"
#include "vmm/lab/lab_config.hpp"
#include "vmm/machine/outcome.hpp"
#include "vmm/run/run_control.hpp"
#include "vmm/token/token_exchange.hpp"
#include "vmm/watch/watch_spec.hpp"

namespace rvmm::vmm {

struct RunRequest {
    HostWishes wishes;
    lab::LabSearch lab;              // where a lab is, if it comes to that
    bool console_to_stderr = false;  // standard output belongs to a report
    bool inside_lab = false;         // the outer rvmm has already said what kind of realm this is
    bool wants_report = true;
    /// What the plan measures to; empty for an ordinary VM. Asked for where it is needed: a real
    /// realm is measured by its RMM, and only a report says what was predicted.
    std::function<Result<measure::Digest>()> rim;
    /// The same, where it has been asked for.
    std::function<std::optional<measure::Digest>()> known_rim = [] {
        return std::optional<measure::Digest>();
    };
    /// Called when a guest on this machine has been loaded and not yet run: nothing looks at the
    /// plan's layout any more, unless rim() does.
    std::function<Result<>()> loaded = [] { return Result<>(); };
    /// What the guest is to get an attestation token for; nothing: no token is wanted.
    std::optional<TokenChallenge> challenge = {};
    WatchSpec watch = {};
    std::optional<std::filesystem::path> console_log = {};  // a new file for what the guest prints
    ControlWishes control = {};
    /// What hears how the run goes.
    std::shared_ptr<RunEvents> events = std::make_shared<RunEvents>();
    std::string profiles;           // text of the user's table of profiles; empty: there is none
    kvm::Driver* driver = nullptr;  // what KVM is reached through; nullptr: the kernel itself
    bool records = false;           // `driver` makes a recording
};

struct RunResult {
    RunsOn host;
    int exit_code = 0;
    std::optional<Bytes> token = {};  // that the guest gave
    std::string report;               // one JSON document, one line; empty if none was asked for
};

struct HostChoice {
    RunsOn host;
    HostFacts facts;
};

/// Where run_image() would run `plan`, and what that was decided by. Opens and makes what
/// find_host_facts() does, and nothing more. Errors as choose_host(); (Stage::kHostCannot) the host
/// has not the address bits, or not the devices; (Stage::kUsage) what is watched needs a console.
Result<HostChoice> choose_host_for(const realm::LaunchPlan& plan, const RunRequest& request);

/// Runs `plan` to its end. Errors are of the launch; what a guest does is in the result.
Result<RunResult> run_image(const realm::LaunchPlan& plan, const RunRequest& request);

}  // namespace rvmm::vmm
