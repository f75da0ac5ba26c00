// Launches recorded on running CCA hosts (`rvmm run --record`), played back to the code of today:
// it makes the same calls, and the guest's output and end are what they were.
//
// The guest is made here, byte by byte, so that the calls are the same whatever compiler is used.
#include <array>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "fake_kvm/replay_driver.hpp"
#include "vmm/cca/realm_runner.hpp"
#include "vmm/hosts/host_facts.hpp"
#include "vmm/run/local_run.hpp"

namespace rvmm::vmm::cca {
namespace {

// At RAM + 0x80000. Two letters to the UART's shared alias, then SYSTEM_OFF:
constexpr std::array<std::uint32_t, 10> kGuest = {
    0xd2a02001,  // movz x1, #0x100, lsl #16     the UART
    0xf2c01001,  // movk x1, #0x80, lsl #32      its alias in 40 bits
    0x52800d00,  // mov w0, #'h'
    0x39000020,  // strb w0, [x1]
    0x52800d20,  // mov w0, #'i'
    0x39000020,  // strb w0, [x1]
    0x52800100,  // mov w0, #8
    0x72b08000,  // movk w0, #0x8400, lsl #16    PSCI SYSTEM_OFF
    0xd4000003,  // smc #0
    0x14000000,  // b .
};

class RecordedHost : public ::testing::TestWithParam<Revision> {};
INSTANTIATE_TEST_SUITE_P(Revisions, RecordedHost,
                         ::testing::Values(Revision::kV10, Revision::kV12, Revision::kV14),
                         [](const auto& named) { return std::string(traits(named.param).name); });

TEST_P(RecordedHost, Launch_PlaysBack) {
    const TestImages images;
    const auto realm = images.plan(profile_of(GetParam()), 2, [](realm::RealmSpec& spec) {
        std::ofstream kernel(spec.boot.kernel, std::ios::binary);
        for (const std::uint32_t word : kGuest) {
            std::array<std::byte, 4> bytes{};
            store_le(MutableByteSpan(bytes), word);
            kernel.write(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        }
        spec.boot.initrd.reset();
        spec.realm->sve_vl = 256;
        spec.realm->watchpoints = 3;
    });
    std::ifstream file(
        fmt::format("{}/recordings/{}.txt", RVMM_TEST_DATA, traits(GetParam()).name));
    std::stringstream recording;
    recording << file.rdbuf();
    ASSERT_FALSE(recording.str().empty());
    ReplayDriver replay(recording.str());
    HostFacts facts;
    look_at_kvm(replay, looking_for(realm.spec(), {.host = realm::HostKind::kCca}), facts);
    ASSERT_FALSE(facts.cca) << facts.cca->why;
    RunRequest request;
    request.wants_report = false;
    ::testing::internal::CaptureStdout();
    const auto run = run_locally(realm, request, {RunsOn::kCca, facts.realm_vm}, replay);
    const std::string console = ::testing::internal::GetCapturedStdout();
    ASSERT_TRUE(run) << run.error().message();
    EXPECT_EQ(console, "hi");
    EXPECT_EQ(run->exit_code, 0);
    facts.realm_vm.reset();
    EXPECT_EQ(replay.unplayed(), std::vector<std::string>{});
    EXPECT_EQ(replay.open_descriptors(), 0U);
}

}  // namespace
}  // namespace rvmm::vmm::cca
