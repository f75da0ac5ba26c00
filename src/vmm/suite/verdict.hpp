// Whether a run is what its test expects. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "vmm/suite/case_run.hpp"
#include "vmm/suite/test_case.hpp"

namespace rvmm::vmm::suite {

struct CaseResult {
    enum class Kind : std::uint8_t {
        kNotRun,  // the suite ended before
        kPassed,
        kFailed,  // the guest did not do what was expected
        kError,   // there is no guest of which that could be said
        kSkipped,
    };
    Kind kind = Kind::kNotRun;
    std::string why = {};  // one line; empty of one that passed
    CaseRun run = {};

    bool bad() const { return kind == Kind::kFailed || kind == Kind::kError; }
};

/// What a run's report must say of where it ran and of what.
struct Wanted {
    std::string_view host;  // "cca", "emulated", "lab", "vm"
    bool may_be_emulated = true;
    std::string rim = {};  // hex; empty: any
};

/// Of a case that comes to nothing with `error`; its advice is a message.
CaseResult not_launched(const Error& error);

CaseResult judge(const TestSpec& spec, CaseRun run, const Wanted& wanted);

/// "3 (the guest's own status)", "143 (ended by SIGTERM)".
std::string exit_code_in_words(int code);

}  // namespace rvmm::vmm::suite
