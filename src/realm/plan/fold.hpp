// Folds a launch plan to the realm initial measurement that it leads to: page contents are hashed
// on all cores while the chain of extensions advances on the calling thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "measure/hash.hpp"
#include "realm/plan/extensions.hpp"
#include "realm/plan/launch_plan.hpp"

namespace rvmm::realm {

/// One extension of the RIM, as it happens. What it refers to lives as long as the plan.
struct Extension {
    using Kind = ExtensionKind;
    Kind kind = Kind::kCreate;
    IpaRange range = {};                 // DATA: one granule; RIPAS: one RTT entry
    const Blob* blob = nullptr;          // DATA: what it is a granule of
    std::uint64_t offset = 0;            // DATA: where in the blob, bytes
    bool measured = false;               // DATA: its contents count, not only its address
    measure::Digest content = {};        // of the granule that is measured; of the REC's page
    const CreateRecStep* rec = nullptr;  // REC
    measure::Digest before = {};         // the RIM
    measure::Digest after = {};
};

/// What a step of the plan contributed. The realm's creation is the first of them.
struct FoldedStep {
    Extension::Kind kind = Extension::Kind::kCreate;
    const Blob* blob = nullptr;          // DATA
    const CreateRecStep* rec = nullptr;  // REC
    IpaRange range = {};                 // DATA, RIPAS
    bool measured = false;               // DATA
    std::uint64_t extensions = 0;        // 0: the RMM does not measure this step
    measure::Digest content = {};        // DATA that is measured: the hash of its granules' digests
    measure::Digest rim = {};            // afterwards
};

struct Folded {
    std::vector<FoldedStep> steps;
    measure::Digest rim = {};
};

struct FoldOptions {
    unsigned threads = 0;  // 0: one for each CPU that this process may use
    /// Called from time to time on the calling thread. Bytes of contents, hashed and in all.
    std::function<void(std::uint64_t done, std::uint64_t total)> progress;
    /// Called for every extension in order. Its error ends the fold.
    std::function<Result<>(const Extension&)> log;
};

/// Errors: Stage::kInternal if the plan is an ordinary VM's or OpenSSL fails, Stage::kImage if a
/// mapped file changed meanwhile; what `log` returns.
Result<Folded> fold(const LaunchPlan& plan, const FoldOptions& options = {});

/// The RIM alone.
Result<measure::Digest> fold_rim(const LaunchPlan& plan);

/// The parameters as the host passes them to RMI_REALM_CREATE. The plan is a realm's.
rmi::RealmParams realm_params(const LaunchPlan& plan);

}  // namespace rvmm::realm
