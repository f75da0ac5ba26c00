// A realm image of a few pages, for tests of plans and of what is made from them.
#pragma once

#include <stdexcept>

#include "realm/image_builder.hpp"
#include "realm/plan/fold.hpp"
#include "realm/plan/measurement.hpp"

namespace rvmm::realm::test {

/// 64 MiB, 3 vCPUs, a kernel of 2 pages and an initrd of 3.
class SmallImage {
  public:
    SmallImage() : spec(realm_spec(64ULL << 20, 3)) {
        spec.boot.kernel = dir.write("kernel", ImageBuilder{}.build());
        spec.boot.initrd = dir.write("initrd", Bytes(9000, std::byte{0x5a}));
        spec.boot.cmdline = "console=ttyS0";
    }
    LaunchPlan plan() const {
        auto made = LaunchPlan::create(spec);
        if (!made) throw std::runtime_error(made.error().message());
        return *std::move(made);
    }
    Measurement measurement() const {
        const LaunchPlan made = plan();
        const auto folded = fold(made);
        if (!folded) throw std::runtime_error(folded.error().message());
        return make_measurement(made, *folded);
    }

    TempDir dir;
    RealmSpec spec;
};

}  // namespace rvmm::realm::test
