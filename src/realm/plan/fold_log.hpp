// The measurement log of a plan, as fold() comes along with it.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "measure/log.hpp"
#include "realm/plan/fold.hpp"

namespace rvmm::realm {

/// Turns the extensions of one plan into the lines of its log and hands them on.
class FoldLog {
  public:
    /// Takes some whole lines; its error ends the fold.
    using Sink = std::function<Result<>(std::string_view lines)>;

    /// The plan is a realm's and outlives this.
    FoldLog(const LaunchPlan& plan, Sink sink);

    /// What FoldOptions::log takes. It lives no longer than this.
    std::function<Result<>(const Extension&)> callback();
    /// Hands on what is left, the last line included. After the fold.
    Result<> finish(const measure::Digest& rim);

  private:
    Result<> add(const Extension& extension);

    Sink sink_;
    std::string lines_;
    measure::LogEntry entry_;
    std::uint64_t count_ = 0;
    const Blob* blob_ = nullptr;  // what entry_ names
};

}  // namespace rvmm::realm
