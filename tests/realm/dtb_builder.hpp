// Device trees as other VMMs make them, for tests.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.hpp"

namespace rvmm::realm::test {

struct DtbBuilder {
    using Pair = std::pair<std::uint64_t, std::uint64_t>;
    std::vector<Pair> memory = {{0x8000'0000, 256ULL << 20}};  // base and size; a node each
    std::vector<std::uint32_t> cpus = {0};                     // reg
    std::optional<Pair> initrd = {};                           // start and end
    std::optional<std::uint64_t> initrd_start_only = {};
    bool short_cells = false;  // addresses and sizes, the initrd's too, have one cell
    std::string bootargs = "quiet";
    Bytes build() const;
};

}  // namespace rvmm::realm::test
