#include "vmm/hosts/smc_probe.hpp"

#include <cstring>

#include <gtest/gtest.h>

#include "fake_kvm/guest.hpp"

namespace rvmm::vmm {
namespace {

std::optional<Obstacle> probe(FakeKvm& fake) {
    const auto system = kvm::System::open(fake);
    EXPECT_TRUE(system);
    return probe_smc(*system);
}

TEST(SmcProbe, CallThatComesOut_IsGood) {
    FakeKvm fake;
    fake.script(0, {[&](FakeKvm::Vcpu& vcpu, kvm_run& run) {
                    EXPECT_EQ(vcpu.pc(), 0u);
                    const auto* page =
                        reinterpret_cast<const std::uint32_t*>(fake.slots().front().userspace_addr);
                    EXPECT_EQ(page[2], 0xd4000003u) << "smc #0";
                    EXPECT_EQ(page[0x200 / 4 + 1], 0xb9000021u) << "the vector stores";
                    return smc(0xC600'5200)(vcpu, run);
                }});
    EXPECT_FALSE(probe(fake));
    EXPECT_EQ(fake.open_descriptors(), 0u);
}

TEST(SmcProbe, UndefinedInstruction_IsAnObstacleWithARemedy) {
    FakeKvm fake;
    fake.script(0, {mmio_write(0x1000'0000, 1, 4)});
    const auto obstacle = probe(fake);
    ASSERT_TRUE(obstacle);
    EXPECT_NE(obstacle->why.find("SMC"), std::string::npos);
    EXPECT_NE(obstacle->remedy.find("lab"), std::string::npos);
}

TEST(SmcProbe, GuestThatHangs_IsGivenUp) {
    FakeKvm fake;
    EXPECT_TRUE(probe(fake));
    EXPECT_EQ(fake.open_descriptors(), 0u);
}

}  // namespace
}  // namespace rvmm::vmm
