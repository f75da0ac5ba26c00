// Lists of RMI calls as JSON, run through the software RMM: `rvmm measure --steps`.
//
// A document is {"rule", "cases": [{"name", "hash", "platform": {"pa_width", "token_size"},
// "steps": [...]}]}, or
// {"rule", "steps": [...]} for one case. A step is {"op": ..., its inputs}; answers that it holds
// as well ("rc", "rim", "measured", ...) are not looked at. Numbers are JSON numbers or "0x.."
// texts.
//
//   realm_create                          flags or flags0, s2sz, sve_vl, num_bps, num_wps,
//                                         pmu_num_ctrs, hash_algo, rtt_level_start, rtt_num_start,
//                                         rpv, num_aux_planes, ats_plane, flags1
//   rtt_create                            ipa, level
//   rtt_init_ripas                        base, top
//   data_create, rtt_data_map_init        ipa, flags, content (if flags is 1)
//   data_create_unknown, rtt_data_map     ipa
//   rec_create                            flags, mpidr, pc, gprs
//   realm_activate
//   rec_enter                             rec
//   rsi                                   call: "meas_read I", "rem_extend I SIZE HEX",
//                                         "realm_config IPA", "token_init HEX",
//                                         "token_continue IPA OFFSET SIZE"
//
// flags, sve_vl, pmu_num_ctrs, rpv, the fields of planes, gprs and rec may be missing and are zero
// then (as in a page that the host left empty), and hash_algo is the case's hash. A page's content
// is
// {"gen": "lin" | "zero" | "ff", "page": n} (lin: byte i is i * 131 + n * 17), {"hex": "..."}, or
// {"digest": "..."} where only the digest is known. An attestation token is token_size bytes
// long (2334 without it, as one of TF-RMM's was); no token is made, so its bytes are zero.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "measure/rim.hpp"

namespace rvmm::realm {

inline constexpr std::size_t kMaxStepsSize = 64U << 20;  // bytes of a document

struct StepsOptions {
    std::optional<measure::Rule> rule;  // goes before the document's
    measure::RemRule rem_rule = measure::RemRule::kTfRmm;
};

struct StepOutcome {
    std::string op;
    std::uint64_t rc = 0;                               // RMI status code; of "rsi": X0
    std::optional<int> rc_level;                        // iff rc is RMI_ERROR_RTT
    std::optional<std::uint64_t> out_top;               // of "rtt_init_ripas"; 0 if refused
    measure::Digest rim;                                // after the step
    std::optional<std::array<measure::Digest, 4>> rem;  // of "rsi": after the step
};

struct CaseOutcome {
    std::string name;
    measure::Hash hash = measure::Hash::kSha256;
    std::vector<StepOutcome> steps;
    measure::Digest rim;                  // after the last step; zero if there is no realm
    std::array<measure::Digest, 4> rems;  // the same
};

struct StepsOutcome {
    measure::Rule rule = measure::Rule::kRmm2TfRmm;
    std::vector<CaseOutcome> cases;  // at least one
};

/// Runs every case of the document `json`, each from the beginning. Errors name `source_name`, the
/// case and the step (counted from 1): Stage::kConfig for whatever is wrong with the document.
Result<StepsOutcome> run_steps(std::string_view json, std::string_view source_name,
                               const StepsOptions& options = {});

/// One JSON document with `tool`, `profile` and `rule` (both the rule's name), `hash`, `rim` and
/// `rems` of the last case, and `cases`. Hex is lower case.
std::string to_json(const StepsOutcome& outcome);

}  // namespace rvmm::realm
