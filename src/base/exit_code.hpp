// The exit codes of rvmm: the one table behind docs/exit-codes.md.
#pragma once

#include "base/error.hpp"

namespace rvmm {

/// 0 to 63 belong to the guest (its own status; 0 also for a clean shutdown). All others are
/// rvmm's.
enum class ExitCode : int {
    kShutdown = 0,         // the guest shut down
    kGuestStatusMax = 63,  // 1 to 63: the guest's own status
    kUsage = 64,           // the command line is wrong
    kConfig = 65,          // the config is wrong
    kImage = 66,           // an image file is unreadable or not what it should be
    kHostCannot = 69,      // this machine cannot run it
    kInternal = 70,        // a bug of rvmm
    kLaunch = 71,          // the launch failed
    kMeasurement = 76,     // the measurement was refused
    kHostNotAllowed = 77,  // the config does not allow this kind of host
    kGuestReset = 80,      // the guest asked for a reset
    kGuestPanic = 81,      // the guest panicked or cannot go on
    kSandbox = 82,         // reserved: rvmm did what its sandbox forbids
    kTimeLimit = 124,      // a time limit was reached (as timeout(1) says it)
    kKilledBase = 128,     // + signal number: rvmm was told to end by that signal
};

constexpr int to_int(ExitCode code) {
    return static_cast<int>(code);
}

/// The exit code for a failure at `stage`.
constexpr ExitCode exit_code(Stage stage) {
    switch (stage) {
        case Stage::kUsage:
            return ExitCode::kUsage;
        case Stage::kConfig:
            return ExitCode::kConfig;
        case Stage::kImage:
            return ExitCode::kImage;
        case Stage::kHostCannot:
            return ExitCode::kHostCannot;
        case Stage::kHostNotAllowed:
            return ExitCode::kHostNotAllowed;
        case Stage::kMeasurement:
            return ExitCode::kMeasurement;
        case Stage::kLaunch:
            return ExitCode::kLaunch;
        case Stage::kGuest:
            return ExitCode::kGuestPanic;
        case Stage::kInternal:
            return ExitCode::kInternal;
    }
    return ExitCode::kInternal;
}

/// The exit code of a run ended by `signal` (2 for SIGINT gives 130).
constexpr int killed_by(int signal) {
    return to_int(ExitCode::kKilledBase) + signal;
}

}  // namespace rvmm
