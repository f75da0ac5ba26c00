// Machines with devices whose drivers are a test's: what the tests of devices in a machine share.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "vmm/machine/live_guest.hpp"
#include "vmm/machine/machine_runner.hpp"
#include "vmm/machine/virtio_driver.hpp"

namespace rvmm::vmm {

/// What the guest runs on, and how its devices are spoken to.
struct MachineKind {
    GuestOn on;
    realm::Transport transport;
};
/// What a test of this kind is called.
std::string name_of(const ::testing::TestParamInfo<MachineKind>& test);
std::vector<MachineKind> all_machine_kinds();

/// A folder of its own, gone with the object.
class DeviceMachine {
  public:
    explicit DeviceMachine(const MachineKind& kind);
    ~DeviceMachine();
    DeviceMachine(const DeviceMachine&) = delete;

    /// A path in the folder; `make_disk` makes a file there.
    std::filesystem::path path(const std::string& name) const { return folder_ / name; }
    realm::DeviceSpec make_disk(const std::string& name, std::uint64_t size);
    realm::DeviceSpec device(std::string name, decltype(realm::DeviceSpec::what) what) const;

    /// Adds to the machine, before plan().
    realm::RealmSpec& spec() { return spec_; }
    const realm::LaunchPlan& plan();
    const realm::Board& board() { return plan().board(); }

    /// Runs `program`, and then powers off unless it did something to that end itself.
    MachineRun run(const LiveGuest::Program& program, const PrepareMachine& prepare = {});
    /// Launches without a guest that does anything.
    Result<RunReport> launch();
    /// Runs what `fake` has been told to do.
    Result<RunReport> launch_as_it_is(const PrepareMachine& prepare) {
        return run_plan(prepare).report;
    }
    std::unique_ptr<VirtioDriver> driver(LiveGuest& guest, std::size_t device, std::uint16_t type) {
        return VirtioDriver::find(guest, board(), board().virtio.at(device), type);
    }

    FakeKvm fake;

    // Guest memory that is shared when the program begins; rings go to kRings, pages to kBuffers.
    static constexpr std::uint64_t kRings = 0x8080'0000;
    static constexpr std::uint64_t kBuffers = kRings + 0x1'0000;
    static constexpr std::uint64_t kSharedSize = 0x20'0000;

  private:
    MachineRun run_plan(const PrepareMachine& prepare);

    MachineKind kind_;
    std::filesystem::path folder_;
    realm::RealmSpec spec_;
    std::optional<realm::LaunchPlan> plan_;
};

}  // namespace rvmm::vmm
