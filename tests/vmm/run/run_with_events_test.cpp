// What a run on the fake of KVM says of itself.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <unistd.h>

#include "devices/pvpanic.hpp"
#include "realm/plan/fold.hpp"
#include "vmm/machine/device_machine.hpp"
#include "vmm/run/local_run.hpp"

namespace rvmm::vmm {
namespace {

class RunWithEventsTest : public ::testing::TestWithParam<GuestOn> {
  protected:
    RunWithEventsTest() { machine_.spec().serial.mode = realm::SerialSpec::Mode::kNone; }

    /// What is said of a guest that does `program` and powers itself off.
    std::vector<std::string> said(const LiveGuest::Program& program) {
        const auto path = machine_.path("events");
        const realm::LaunchPlan& plan = machine_.plan();
        RunRequest request;
        request.control.name = "events-" + std::to_string(::getpid());
        request.rim = [&]() -> Result<measure::Digest> {
            if (!plan.is_realm()) return measure::Digest();
            return realm::fold_rim(plan);
        };
        auto events = RunEvents::create(path, "image.cfg");
        EXPECT_TRUE(events) << events.error().message();
        request.events = *events;
        const LiveGuest guest(machine_.fake, GetParam(), [&](LiveGuest& self) {
            program(self);
            self.perform(system_off());
        });
        const auto kind =
            GetParam() == GuestOn::kEmulatedRealm ? RunsOn::kEmulated : RunsOn::kLocalVm;
        const auto run = run_locally(plan, request, {kind}, machine_.fake);
        EXPECT_TRUE(run) << run.error().message();
        request.events->end(0, run ? run->report : "");
        return names(path);
    }
    static std::vector<std::string> names(const std::filesystem::path& path) {
        std::vector<std::string> names;
        std::ifstream file(path);
        for (std::string line; std::getline(file, line);) {
            const auto json = nlohmann::json::parse(line);
            const auto name = json["event"].get<std::string>();
            if (name == "progress") {
                EXPECT_LE(json["done"], json["total"]);
            }
            if (name == "warning") continue;
            names.push_back(name == "phase" ? json["phase"].get<std::string>() : name);
        }
        return names;
    }

    DeviceMachine machine_{{GetParam(), realm::Transport::kMmio}};
};

TEST_P(RunWithEventsTest, PhasesAndMilestones_AreSaidInOrder) {
    const bool realm = GetParam() == GuestOn::kEmulatedRealm;
    std::vector<std::string> expected = {"start",    "config", "populate",   "progress",
                                         "progress", "guest",  "first_entry"};
    if (realm) expected.emplace_back("first_conversion");
    expected.insert(expected.end(), {"shutdown", "end"});
    EXPECT_EQ(said([&](LiveGuest& guest) {
                  if (realm) guest.share(DeviceMachine::kRings, DeviceMachine::kSharedSize);
              }),
              expected);
}
TEST_P(RunWithEventsTest, Panic_IsSaidOnceAndBeforeTheShutdown) {
    machine_.spec().machine.pvpanic = true;
    const auto names = said([&](LiveGuest& guest) {
        guest.store(realm::kPvpanicBase.value, devices::Pvpanic::kPanicked, 1);
    });
    EXPECT_EQ(std::ranges::count(names, "panic"), 1);
    EXPECT_EQ(std::vector(names.end() - 3, names.end()),
              (std::vector<std::string>{"panic", "shutdown", "end"}));
}

INSTANTIATE_TEST_SUITE_P(On, RunWithEventsTest,
                         ::testing::Values(GuestOn::kVm, GuestOn::kEmulatedRealm));

}  // namespace
}  // namespace rvmm::vmm
