// What the control socket controls: a guest, wherever it runs.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "vmm/hosts/realm_facts.hpp"

namespace rvmm::vmm {

/// A subset of QMP's RunState.
enum class RunState : std::uint8_t { kRunning, kPaused, kShutdown, kGuestPanicked };
/// As QMP says it: "running", "guest-panicked", ...
std::string_view to_string(RunState state);

struct CpuFacts {
    std::uint32_t index = 0;
    std::optional<std::uint64_t> mpidr = {};
    int thread_id = 0;  // of the host
};

struct DiskFacts {
    std::string name;  // the config's
    std::string path;
    bool readonly = false;
    std::uint64_t size = 0;  // bytes
};

/// What was launched, as far as this is known.
struct GuestFacts {
    std::string host = {};      // kind, as reports say it
    std::string revision = {};  // of KVM's realm interface; empty but for real realms
    bool emulated = false;
    bool realm = false;
    std::string profile = {};
    std::string hash = {};
    std::optional<std::string> rim = {};  // hex
    RealmFacts now = {};
};

/// Called from the loop. Nothing here waits for long.
class ControlTarget {
  public:
    virtual ~ControlTarget() = default;
    /// Called from the loop, at once or later; never if the guest ends before.
    using Done = std::function<void(Result<>)>;

    virtual RunState state() const = 0;
    /// Holds all vCPUs; done when none runs any more. No error if they are held already.
    virtual void stop(Done done) = 0;
    virtual void cont(Done done) = 0;
    /// Asks the guest to power itself off.
    virtual Result<> power_down() = 0;
    /// Ends the run soon.
    virtual void quit() = 0;

    virtual std::vector<CpuFacts> cpus() const = 0;
    virtual std::vector<DiskFacts> disks() const = 0;
    virtual GuestFacts facts() const = 0;
    /// The counters, as the report of a run has them.
    virtual nlohmann::ordered_json stats() const = 0;
};

}  // namespace rvmm::vmm
