#include "vmm/machine/device_machine.hpp"

#include <algorithm>
#include <fstream>

#include <unistd.h>

#include "vmm/cca/realm_runner.hpp"

namespace rvmm::vmm {
namespace {

FakeOptions options_of(GuestOn on) {
    return on == GuestOn::kCcaRealm ? cca::host_of(cca::Revision::kV14) : FakeOptions();
}

}  // namespace

std::string name_of(const ::testing::TestParamInfo<MachineKind>& test) {
    const auto [on, transport] = test.param;
    const std::string what = on == GuestOn::kVm              ? "Vm"
                             : on == GuestOn::kEmulatedRealm ? "EmulatedRealm"
                                                             : "CcaRealm";
    return what + (transport == realm::Transport::kPci ? "Pci" : "Mmio");
}

std::vector<MachineKind> all_machine_kinds() {
    std::vector<MachineKind> kinds;
    for (const GuestOn on : {GuestOn::kVm, GuestOn::kEmulatedRealm, GuestOn::kCcaRealm})
        for (const realm::Transport transport : {realm::Transport::kMmio, realm::Transport::kPci})
            kinds.push_back({on, transport});
    return kinds;
}

DeviceMachine::DeviceMachine(const MachineKind& kind) : fake(options_of(kind.on)), kind_(kind) {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    // Short: sockets are in it.
    const auto number =
        std::hash<std::string>()(fmt::format("{}.{}", test->test_suite_name(), test->name()));
    folder_ = std::filesystem::path(::testing::TempDir()) /
              fmt::format("rvmm-{}-{:x}", ::getpid(), number);
    std::filesystem::create_directory(folder_);
    std::ofstream(path("kernel")) << std::string(5000, 'k');
    spec_.machine = {1, 16ULL << 20};
    spec_.boot.kernel = path("kernel");
    if (kind.on != GuestOn::kVm) spec_.realm = realm::RealmParameters{};
    if (kind.on == GuestOn::kCcaRealm) spec_.realm->profile = cca::profile_of(cca::Revision::kV14);
}

DeviceMachine::~DeviceMachine() {
    std::filesystem::remove_all(folder_);
}

realm::DeviceSpec DeviceMachine::device(std::string name,
                                        decltype(realm::DeviceSpec::what) what) const {
    return {.name = std::move(name), .transport = kind_.transport, .what = std::move(what)};
}

realm::DeviceSpec DeviceMachine::make_disk(const std::string& name, std::uint64_t size) {
    std::ofstream(path(name)) << "the first sector of " << name;
    std::filesystem::resize_file(path(name), size);
    return device(name, realm::DiskSpec{.path = path(name), .serial = "serial-" + name});
}

const realm::LaunchPlan& DeviceMachine::plan() {
    if (!plan_) {
        auto made = realm::LaunchPlan::create(spec_);
        EXPECT_TRUE(made) << made.error().message();
        plan_.emplace(*std::move(made));
        for (const realm::Blob& blob : plan_->layout().blobs)
            EXPECT_FALSE(blob.range().overlaps(*IpaRange::make(Ipa{kRings}, kSharedSize)));
    }
    return *plan_;
}

MachineRun DeviceMachine::run_plan(const PrepareMachine& prepare) {
    if (kind_.on != GuestOn::kCcaRealm) return run_machine_on(plan(), fake, prepare);
    return cca::run_realm(plan(), fake, prepare);
}

MachineRun DeviceMachine::run(const LiveGuest::Program& program, const PrepareMachine& prepare) {
    const LiveGuest guest(fake, kind_.on, [&](LiveGuest& self) {
        self.share(kRings, kSharedSize);
        program(self);
        self.perform(system_off());
    });
    return run_plan(prepare);
}

Result<RunReport> DeviceMachine::launch() {
    fake.script(0, {system_off()});
    return run_plan({}).report;
}

}  // namespace rvmm::vmm
