#include "vmm/machine/outcome.hpp"

namespace rvmm::vmm {

int RunOutcome::exit_code() const {
    switch (kind) {
        case Kind::kShutdown:
            return to_int(ExitCode::kShutdown);
        case Kind::kReset:
            return to_int(ExitCode::kGuestReset);
        case Kind::kGuestStatus:
            return number;
        case Kind::kPanic:
            return to_int(ExitCode::kGuestPanic);
        case Kind::kKilled:
            return killed_by(number);
        case Kind::kTimeLimit:
            return to_int(ExitCode::kTimeLimit);
        case Kind::kMet:
            return to_int(ExitCode::kShutdown);
        case Kind::kUnmet:
            return to_int(ExitCode::kLaunch);
    }
    return to_int(ExitCode::kInternal);
}

std::string_view to_string(RunOutcome::Kind kind) {
    switch (kind) {
        case RunOutcome::Kind::kShutdown:
            return "shutdown";
        case RunOutcome::Kind::kReset:
            return "reset";
        case RunOutcome::Kind::kGuestStatus:
            return "guest-status";
        case RunOutcome::Kind::kPanic:
            return "panic";
        case RunOutcome::Kind::kKilled:
            return "killed";
        case RunOutcome::Kind::kTimeLimit:
            return "time-limit";
        case RunOutcome::Kind::kMet:
            return "met";
        case RunOutcome::Kind::kUnmet:
            return "unmet";
    }
    return "unknown";
}

}  // namespace rvmm::vmm
