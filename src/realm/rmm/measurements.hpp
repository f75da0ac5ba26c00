// The measurements of a running realm and the RSI calls on them.
#pragma once

#include <array>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "measure/rim.hpp"
#include "rmi/rsi.hpp"
#include "rmi/smc.hpp"

namespace rvmm::realm {

/// RIM (index 0, fixed at activation) and REMs 1 to 4 (zero at activation), hash-length bytes each.
class Measurements {
  public:
    /// `rim` is one of `hash`.
    Measurements(measure::Hash hash, const measure::Digest& rim, measure::RemRule rem_rule);

    /// `index` is 0 to 4.
    ByteSpan at(std::size_t index) const { return values_[index].bytes(); }

    /// RSI_MEASUREMENT_READ: X1 to X8 are the measurement. As the RMM does it: of the registers
    /// that a hash shorter than 64 bytes leaves over, X8 is cleared and the others are kept.
    void read(rmi::SmcRegisters& registers) const;

    /// RSI_MEASUREMENT_EXTEND.
    void extend(rmi::SmcRegisters& registers);

  private:
    measure::Hash hash_;
    measure::RemRule rem_rule_;
    std::array<measure::Digest, rmi::kRsiMeasurementCount> values_;
};

}  // namespace rvmm::realm
