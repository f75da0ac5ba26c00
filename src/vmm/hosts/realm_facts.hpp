// What changes in a realm while it runs, where this host can know it.
#pragma once

#include <optional>
#include <vector>

#include "base/address.hpp"
#include "base/bytes.hpp"

namespace rvmm::vmm {

struct RealmFacts {
    /// REM 1 to 4; empty where only the RMM knows them.
    std::vector<Bytes> rems = {};
    /// What has RIPAS RAM, ascending; all else is EMPTY.
    std::optional<std::vector<IpaRange>> ram = {};
    bool more_ram = false;  // there is more than `ram` has room for
};

}  // namespace rvmm::vmm
