#include "vmm/run/machine_target.hpp"

#include <csignal>
#include <filesystem>

#include <fcntl.h>
#include <unistd.h>

#include "base/unique_fd.hpp"
#include "vmm/run/report.hpp"

namespace rvmm::vmm {
namespace {

/// Bytes of the file or block device `path`; 0 where they are not known.
std::uint64_t size_of(const std::filesystem::path& path) {
    std::error_code unknown;
    if (!std::filesystem::is_block_file(path, unknown)) {
        const auto size = std::filesystem::file_size(path, unknown);
        return unknown ? 0 : size;
    }
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    const off_t end = fd ? ::lseek(fd.get(), 0, SEEK_END) : -1;
    return end < 0 ? 0 : static_cast<std::uint64_t>(end);
}

std::vector<DiskFacts> disks_of(const realm::RealmSpec& spec) {
    std::vector<DiskFacts> disks;
    for (const realm::DeviceSpec& device : spec.devices) {
        const auto* disk = std::get_if<realm::DiskSpec>(&device.what);
        if (disk == nullptr) continue;
        disks.push_back({.name = device.name,
                         .path = disk->path.native(),
                         .readonly = disk->readonly,
                         .size = size_of(disk->path)});
    }
    return disks;
}

}  // namespace

MachineTarget::MachineTarget(const realm::LaunchPlan& plan, Machine& machine, GuestFacts facts)
    : machine_(machine), facts_(std::move(facts)), disks_(disks_of(plan.spec())) {
    for (const realm::CpuBoard& cpu : plan.board().cpus) mpidrs_.push_back(cpu.mpidr);
}

RunState MachineTarget::state() const {
    if (ended_) return *ended_;
    return machine_.is_paused() ? RunState::kPaused : RunState::kRunning;
}

void MachineTarget::stop(Done done) {
    if (const auto begun = machine_.pause([done] { done({}); }); !begun)
        done(std::unexpected(begun.error()));
}

void MachineTarget::cont(Done done) {
    if (machine_.is_ending()) return done(fail(Stage::kGuest, "the guest is ending"));
    machine_.resume();
    done({});
}

Result<> MachineTarget::power_down() {
    if (machine_.devices().press_power_key()) return {};
    return fail(Stage::kGuest, "the guest has no power key: machine.power_key = true gives it one");
}

void MachineTarget::quit() {
    quit_ = true;
    machine_.end({RunOutcome::Kind::kKilled, SIGTERM, {}});
}

std::vector<CpuFacts> MachineTarget::cpus() const {
    std::vector<CpuFacts> cpus;
    for (const int thread : machine_.thread_ids()) {
        const std::size_t index = cpus.size();
        CpuFacts cpu{.index = static_cast<std::uint32_t>(index), .thread_id = thread};
        if (index < mpidrs_.size()) cpu.mpidr = mpidrs_[index];
        cpus.push_back(cpu);
    }
    return cpus;
}

GuestFacts MachineTarget::facts() const {
    GuestFacts facts = facts_;
    if (facts.realm) facts.now = machine_.guest().facts(kMaxRuns);
    return facts;
}

nlohmann::ordered_json MachineTarget::stats() const {
    return counted(machine_.counters(), machine_.devices().reports());
}

}  // namespace rvmm::vmm
