// How a run ended, and what was counted on the way.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/exit_code.hpp"

namespace rvmm::vmm {

struct RunOutcome {
    enum class Kind : std::uint8_t {
        kShutdown,     // PSCI SYSTEM_OFF, or by pvpanic
        kReset,        // PSCI SYSTEM_RESET: a realm's reset is a new realm
        kGuestStatus,  // host call EXIT, by pvpanic, or by the port rvmm.status
        kPanic,        // the guest (it says so by pvpanic) or its vCPU cannot go on
        kKilled,       // rvmm was told to end
        kTimeLimit,    // a limit that rvmm was given
        kMet,          // all that was expected of the console came, and that was to be the end
        kUnmet,        // the guest ended well, but did not say what was expected
    };
    Kind kind = Kind::kShutdown;
    int number = 0;      // guest status, or the signal
    std::string detail;  // kPanic, kTimeLimit, kUnmet: one clause

    int exit_code() const;
};
std::string_view to_string(RunOutcome::Kind kind);

struct RunCounters {
    std::uint64_t mmio_exits = 0;
    std::uint64_t hypercall_exits = 0;
    std::uint64_t memory_fault_exits = 0;
    std::uint64_t other_exits = 0;
    std::uint64_t unclaimed_mmio = 0;
    std::uint64_t conversions = 0;
    std::uint64_t converted_bytes = 0;
    std::uint64_t shared_bytes = 0;  // at the end of the run
    std::uint64_t refused_accesses = 0;
};

/// What was counted about one device.
struct DeviceReport {
    std::string name;
    std::vector<std::pair<std::string, std::uint64_t>> counters;  // in the order to show them
    std::string last_error;  // of the guest's driver; empty: it made none
};

/// Everything that is known after a run. Times are milliseconds since the run began.
struct RunReport {
    RunOutcome outcome;
    std::size_t expected = 0;  // of the console, by --expect
    std::size_t met = 0;       // how many of them have come
    RunCounters counters;
    std::vector<DeviceReport> devices;
    // Of a run that ended with anything but 0, when it has been judged:
    std::vector<std::vector<std::string>> last_exits;  // by vCPU, oldest first
    std::vector<std::string> console_tail;             // the console's last lines
    double launch_ms = 0;                              // until the first vCPU entered
    std::optional<double> ready_ms;                    // host call READY
    double total_ms = 0;
};

}  // namespace rvmm::vmm
