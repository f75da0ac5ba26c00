// Small measurement logs whose digests are right, for tests.
#pragma once

#include <string>
#include <vector>

#include "measure/log.hpp"

namespace rvmm::measure {

/// A header with two sources and a FDT of four bytes.
LogHeader small_header(Rule rule = Rule::kRmm1, Hash hash = Hash::kSha256);
/// A create, a measured and an unmeasured page, a RIPAS entry and a REC under `header`.
std::vector<LogEntry> small_entries(const LogHeader& header);
/// All lines, the trailer too.
std::string small_log(const LogHeader& header);

}  // namespace rvmm::measure
