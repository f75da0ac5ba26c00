// A fake that fails no test, and a VMM with a realm of 34 bits on it, built up to POPULATE.
#pragma once

#include <gtest/gtest.h>

#include "vmm/fake_kvm/raw_vmm.hpp"

namespace rvmm::vmm {

inline const IpaRange kRam = *IpaRange::make(Ipa{0x8000'0000}, 4ULL << 20);
inline constexpr auto kNewerRevisions = {FakeRevision::kV12, FakeRevision::kV13, FakeRevision::kV14,
                                         FakeRevision::kV15};
inline constexpr auto kAllRevisions = {FakeRevision::kV10, FakeRevision::kV12, FakeRevision::kV13,
                                       FakeRevision::kV14, FakeRevision::kV15};

inline FakeOptions options(FakeRevision revision) {
    FakeOptions options;
    options.revision = revision;
    return options;
}

struct Rig {
    explicit Rig(FakeRevision revision, std::uint32_t vcpus = 1) : Rig(options(revision), vcpus) {}
    explicit Rig(FakeOptions given, std::uint32_t vcpus = 1) : kvm(std::move(given)), vmm(kvm) {
        kvm.set_strict(false);
        EXPECT_EQ(vmm.create_realm(34), 0);
        if (vcpus > 0) vmm.build(kRam, vcpus);
        EXPECT_TRUE(kvm.refusals().empty()) << kvm.refusals().front();
        EXPECT_TRUE(kvm.violations().empty()) << kvm.violations().front();
    }
    long populate(Ipa ipa = kRam.base()) { return vmm.populate(ipa, page); }

    FakeKvm kvm;
    RawVmm vmm;
    Bytes page = Bytes(8192, std::byte{7});
};

}  // namespace rvmm::vmm
