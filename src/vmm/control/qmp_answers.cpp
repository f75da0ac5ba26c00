#include "vmm/control/qmp_answers.hpp"

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "base/text.hpp"

namespace rvmm::vmm {
namespace {

using nlohmann::ordered_json;

ordered_json text_or_null(const std::string& text) {
    return text.empty() ? ordered_json() : ordered_json(text);
}

ordered_json inserted_disk(const DiskFacts& disk) {
    ordered_json json;
    json["file"] = disk.path;
    json["node-name"] = disk.name;
    json["ro"] = disk.readonly;
    json["drv"] = "raw";
    json["backing_file_depth"] = 0;
    json["encrypted"] = false;
    json["detect_zeroes"] = "off";
    for (const char* limit : {"bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr"})
        json[limit] = 0;
    json["image"] = {{"filename", disk.path}, {"format", "raw"}, {"virtual-size", disk.size}};
    json["cache"] = {{"writeback", true}, {"direct", false}, {"no-flush", false}};
    json["write_threshold"] = 0;
    return json;
}

}  // namespace

std::string_view to_string(RunState state) {
    switch (state) {
        case RunState::kRunning:
            return "running";
        case RunState::kPaused:
            return "paused";
        case RunState::kShutdown:
            return "shutdown";
        case RunState::kGuestPanicked:
            return "guest-panicked";
    }
    return "internal-error";
}

ordered_json status_answer(RunState state) {
    ordered_json json;
    json["running"] = state == RunState::kRunning;
    json["singlestep"] = false;  // clients of before QEMU 9 may insist on it
    json["status"] = to_string(state);
    return json;
}

ordered_json cpus_answer(const std::vector<CpuFacts>& cpus) {
    ordered_json list = ordered_json::array();
    for (const CpuFacts& cpu : cpus) {
        ordered_json json;
        json["cpu-index"] = cpu.index;
        json["qom-path"] = fmt::format("/machine/vcpu[{}]", cpu.index);
        json["thread-id"] = cpu.thread_id;
        json["props"] = {{"core-id", cpu.index}};
        json["target"] = "aarch64";
        if (cpu.mpidr) json["x-mpidr"] = *cpu.mpidr;
        list.push_back(std::move(json));
    }
    return list;
}

ordered_json block_answer(const std::vector<DiskFacts>& disks) {
    ordered_json list = ordered_json::array();
    for (const DiskFacts& disk : disks) {
        ordered_json json;
        json["device"] = disk.name;
        json["qdev"] = fmt::format("/machine/{}", disk.name);
        json["type"] = "unknown";
        json["removable"] = false;
        json["locked"] = false;
        json["inserted"] = inserted_disk(disk);
        list.push_back(std::move(json));
    }
    return list;
}

ordered_json realm_answer(const GuestFacts& facts) {
    ordered_json json;
    json["host"] = facts.host;
    json["revision"] = text_or_null(facts.revision);
    json["emulated"] = facts.emulated;
    json["realm"] = facts.realm;
    if (!facts.realm) return json;
    json["profile"] = facts.profile;
    json["hash"] = facts.hash;
    json["rim"] = text_or_null(facts.rim.value_or(""));
    json["rems"] = nullptr;
    for (const Bytes& rem : facts.now.rems) json["rems"].push_back(to_hex(rem));
    json["ripas"] = nullptr;
    if (!facts.now.ram) return json;
    json["ripas"] = ordered_json::array();
    for (const IpaRange& ram : *facts.now.ram)
        json["ripas"].push_back(
            {{"base", ram.base().value}, {"size", ram.size()}, {"ripas", "ram"}});
    json["ripas-truncated"] = facts.now.more_ram;
    return json;
}

}  // namespace rvmm::vmm
