// The measurement document: what a plan measures to and what contributed, as a value of its own
// that is written, read again and compared. Nothing in it depends on folder, user, locale or day.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "base/error.hpp"
#include "measure/hash.hpp"
#include "measure/rim.hpp"
#include "realm/plan/fold.hpp"

namespace rvmm::realm {

/// The measured parameters of RMI_REALM_CREATE, as RmiRealmParams has them (counts of breakpoints
/// and watchpoints minus 1, sve_vl as VQ - 1).
struct MeasuredParameters {
    std::uint64_t flags0 = 0;
    std::uint32_t s2sz = 0;
    std::uint32_t sve_vl = 0;
    std::uint32_t num_bps = 0;
    std::uint32_t num_wps = 0;
    std::uint32_t pmu_num_ctrs = 0;
    std::uint8_t hash_algo = 0;

    friend bool operator==(const MeasuredParameters&, const MeasuredParameters&) = default;
};

/// A step that may contribute to the RIM.
struct CreateMeasured {
    friend bool operator==(const CreateMeasured&, const CreateMeasured&) = default;
};
struct DataMeasured {
    std::string what = {};    // "kernel", "initrd", "fdt"
    std::string source = {};  // file name without its folder
    Ipa base = {};
    std::uint64_t size = 0;         // bytes, whole granules
    std::uint64_t source_size = 0;  // bytes, before padding
    std::uint64_t granule = 0;      // bytes: 4, 16 or 64 KiB
    bool measured = false;          // the contents count, not only the addresses
    measure::Digest content = {};   // if measured: the hash of the granules' digests
    friend bool operator==(const DataMeasured&, const DataMeasured&) = default;
};
struct RecMeasured {
    std::uint64_t index = 0;
    bool runnable = false;  // only then it counts
    std::uint64_t pc = 0;
    std::uint64_t x0 = 0;
    friend bool operator==(const RecMeasured&, const RecMeasured&) = default;
};
struct RipasMeasured {
    IpaRange range = {};
    std::uint64_t entries = 0;  // RTT entries; 0: this rule does not measure RIPAS
    friend bool operator==(const RipasMeasured&, const RipasMeasured&) = default;
};

struct MeasuredStep {
    std::variant<CreateMeasured, DataMeasured, RecMeasured, RipasMeasured> what = {};
    measure::Digest rim = {};  // afterwards
    friend bool operator==(const MeasuredStep&, const MeasuredStep&) = default;
};

struct Measurement {
    std::string tool = {};  // "rvmm 0.1.0"
    std::string profile = {};
    measure::Rule rule = measure::Rule::kRmm2TfRmm;
    bool verified = false;  // see Profile
    std::string note = {};  // of the profile; for people, not in the JSON
    measure::Hash hash = measure::Hash::kSha256;
    measure::Digest rim = {};
    std::array<measure::Digest, 4> rems = {};        // zero when the realm is activated
    std::array<std::byte, 64> personalization = {};  // RPV: reported, not part of the RIM
    MeasuredParameters parameters = {};
    std::vector<MeasuredStep> steps = {};  // in order, the realm's creation first
    Bytes fdt = {};                        // as it was measured, without padding

    friend bool operator==(const Measurement&, const Measurement&) = default;
};

/// `folded` is the fold of `plan`, which is a realm's.
Measurement make_measurement(const LaunchPlan& plan, const Folded& folded);

/// One JSON document with its keys in a fixed order, indented by 2, with a newline at the end.
std::string to_json(const Measurement& measurement);

/// For people: the RIM first, at most 24 lines.
std::string to_text(const Measurement& measurement);

/// Reads what to_json() writes. `name` names it in errors (Stage::kImage): it is no JSON, not one
/// of ours, or a key is missing or says something it cannot say. Unknown keys are ignored. Of
/// what it accepts, digests are as long as its hash makes them, ranges do not wrap, and the RIM is
/// the last step's; the FDT's bytes are anything. Fuzzed.
Result<Measurement> parse_measurement(std::string_view json, std::string_view name);

}  // namespace rvmm::realm
