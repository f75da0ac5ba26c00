// The version of this rvmm.
#pragma once

#include <string_view>

namespace rvmm {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace rvmm
