// What a comparison is given: a config, a measurement log, a measurement document or a CoRIM, told
// by its content and brought to one form.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/contents.hpp"
#include "base/error.hpp"
#include "realm/plan/launch_plan.hpp"
#include "realm/plan/measurement.hpp"

namespace rvmm::realm {

struct MeasuredInput {
    enum class Kind : std::uint8_t { kConfig, kLog, kDocument, kCorim };

    std::string name;
    Kind kind = Kind::kConfig;
    measure::Hash hash = measure::Hash::kSha256;
    measure::Digest rim = {};
    /// Of all but a CoRIM, which has no contributions. A log's has no RECs that are not runnable,
    /// no RIPAS that is not measured, and of the rest one step for each run of alike entries.
    std::optional<Measurement> measurement = {};
    std::optional<Bytes> personalization = {};  // RPV; a log has none
    std::optional<LaunchPlan> plan = {};        // of a config
    Contents file = {};                         // of a log
};

/// "config", "log", "document", "CoRIM".
std::string_view to_string(MeasuredInput::Kind kind);

/// Loads `path`; a config is laid out and folded. Errors: Stage::kImage if the file cannot be read,
/// is none of these, or is damaged (a log's every digest is computed anew); those of load_config(),
/// LaunchPlan::create() and fold(); Stage::kConfig for an ordinary VM's config.
Result<MeasuredInput> load_measured_input(const std::filesystem::path& path,
                                          const ConfigOptions& options,
                                          const ProfileTable& profiles = ProfileTable::built_in());

/// The same for a log, a document or a CoRIM in memory, which is copied. Fuzzed.
Result<MeasuredInput> parse_measured_input(ByteSpan bytes, std::string_view name);

/// The digests of the granules of a step, one after the other.
using PageDigests = std::function<Result<measure::Digest>()>;

/// Those of the measured data step `what` whose first extension is number `first` of `input`;
/// nothing if `input`, which outlives the result, has no page digests. To be called at most once a
/// granule.
Result<std::optional<PageDigests>> page_digests(const MeasuredInput& input, std::string_view what,
                                                std::uint64_t first);

/// The whole granules of the blob `what` of a config; nothing of anything else.
std::optional<ByteSpan> contents_of(const MeasuredInput& input, std::string_view what);

}  // namespace rvmm::realm
