#include "vmm/doctor/doctor.hpp"

#include <filesystem>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "base/version.hpp"

namespace rvmm::vmm {
namespace {

constexpr const char* kSetup = "run scripts/setup";

std::string correct(const lab::LabMachine& machine) {
    return fmt::format("correct {}", machine.source.native());
}

Finding finding(std::string name, const std::optional<Obstacle>& obstacle, std::string good) {
    if (!obstacle) return {std::move(name), true, std::move(good), {}};
    return {std::move(name), false, obstacle->why, obstacle->remedy};
}

Finding file_finding(std::string name, const std::filesystem::path& path, std::string remedy) {
    std::error_code error;
    if (std::filesystem::is_regular_file(path, error))
        return {std::move(name), true, path.native(), {}};
    return {std::move(name), false, path.native() + " is not there", std::move(remedy)};
}

Finding qemu_finding(const lab::LabSearch& search) {
    const auto qemu = lab::find_qemu(search.machine, search.path);
    if (qemu) return {"qemu", true, qemu->native(), {}};
    return {"qemu", false, qemu.error().message(), qemu.error().advice()};
}

Finding host_kernel_finding(const lab::LabSearch& search) {
    const lab::LabMachine& machine = search.machine;
    if (!machine.kernel.empty())
        return file_finding("host-kernel", machine.kernel, correct(machine));
    return file_finding("host-kernel",
                        search.host_kernel.value_or(search.cache / "host-kernel/Image"), kSetup);
}

void add_lab_findings(std::vector<Finding>& findings, const HostFacts& facts,
                      const lab::LabSearch& search) {
    const lab::LabMachine& machine = search.machine;
    if (!machine.source.empty())
        findings.push_back({"lab-file", true, machine.source.native(), {}});
    findings.push_back(qemu_finding(search));
    for (const lab::MachineFile& file : lab::machine_files(machine))
        findings.push_back(file_finding(std::string(file.role), file.path, correct(machine)));
    findings.push_back(host_kernel_finding(search));
    findings.push_back(file_finding("guest-kernel", search.cache / "guest-kernel/Image", kSetup));
    findings.push_back(finding("lab", facts.lab, "QEMU, host kernel, busybox, arm64 rvmm"));
}

std::string lengths(const std::vector<unsigned>& sve) {
    if (sve.empty()) return "no SVE";
    const unsigned step = sve.front();
    const bool all = sve.back() == step * sve.size();
    if (all && sve.size() > 2)
        return fmt::format("SVE vectors of {} to {} bits in steps of {}", step, sve.back(), step);
    return fmt::format("SVE vectors of {} bits", fmt::join(sve, ", "));
}

std::string registers(const cca::HostReport& report) {
    const unsigned counters = report.cpu.pmu_counters;
    return fmt::format("{} breakpoints (fixed), 2 to {} watchpoints, {}, {}",
                       report.cpu.breakpoints, report.cpu.watchpoints,
                       lengths(report.cpu.sve_lengths),
                       counters == 0 ? "no PMU" : fmt::format("up to {} PMU counters", counters));
}

std::string settings(const cca::HostReport& report) {
    std::string hashes;
    for (const measure::Hash hash : report.hashes)
        hashes += fmt::format("{}{}", hashes.empty() ? "" : ", ", to_string(hash));
    return fmt::format(
        "hash {}, {}", hashes,
        report.sets_personalization ? "a personalization value" : "no personalization value");
}

std::string memory_mode(cca::AttributesOn attributes) {
    return attributes == cca::AttributesOn::kVm ? "memory attributes on the VM"
                                                : "memory attributes on the guest_memfd";
}

void add_realm_findings(Diagnosis& diagnosis, const cca::HostReport& report) {
    const cca::RevisionTraits& revision = cca::traits(report.host.revision);
    auto& findings = diagnosis.findings;
    findings.push_back({"realm-abi",
                        true,
                        fmt::format("{} of KVM's realm interface ({}); decided by {}",
                                    report.host.version, revision.rmm, report.host.decided_by),
                        {}});
    findings.push_back(
        {"realm-ipa", true, fmt::format("32 to {} IPA bits", report.host.ipa_bits), {}});
    findings.push_back(
        {"realm-pages",
         true,
         fmt::format("pages and granules of {}, {}", format_size(report.host.page_size),
                     memory_mode(revision.attributes)),
         {}});
    if (report.cpu_error.empty())
        findings.push_back({"realm-cpus", true, registers(report), {}});
    else
        findings.push_back({"realm-cpus", false, report.cpu_error,
                            "send a report: docs/cca-hosts.md says what belongs into it"});
    findings.push_back({"realm-settings", true, settings(report), {}});
    for (const cca::Defect& defect : cca::known_defects())
        if (applies(defect, report.host.revision))
            diagnosis.defects.push_back(
                {std::string(defect.name), std::string(defect.what), std::string(defect.answer)});
}

nlohmann::ordered_json to_json(const cca::HostReport& report) {
    const cca::RevisionTraits& revision = cca::traits(report.host.revision);
    nlohmann::ordered_json json;
    json["revision"] = report.host.version;
    json["class"] = revision.name;
    json["profile_host"] = revision.profile_host;
    json["decided_by"] = report.host.decided_by;
    json["ipa_bits"] = report.host.ipa_bits;
    json["page_size"] = report.host.page_size;
    json["attributes"] = revision.attributes == cca::AttributesOn::kVm ? "vm" : "guest_memfd";
    json["breakpoints"] = report.cpu.breakpoints;
    json["watchpoints"] = report.cpu.watchpoints;
    json["sve_lengths"] = report.cpu.sve_lengths;
    json["pmu_counters"] = report.cpu.pmu_counters;
    for (const measure::Hash hash : report.hashes) json["hashes"].push_back(to_string(hash));
    json["personalization"] = report.sets_personalization;
    for (const auto& [number, value] : report.capabilities)
        json["capabilities"][std::to_string(number)] = value;
    for (const auto& [name, value] : report.module_parameters)
        json["module_parameters"][name] = value;
    return json;
}

}  // namespace

Diagnosis diagnose(const HostFacts& facts, const lab::LabSearch& search) {
    Diagnosis diagnosis;
    auto& findings = diagnosis.findings;
    findings.push_back({"arm64", facts.is_arm64,
                        facts.is_arm64 ? "an arm64 machine" : "not an arm64 machine",
                        facts.is_arm64 ? "" : "use the lab: --host lab"});
    findings.push_back(finding("kvm", facts.local_kvm,
                               fmt::format("/dev/kvm works, {} IPA bits", facts.max_ipa_bits)));
    // On a host with realms it was not tried.
    if (facts.cca) findings.push_back(finding("smc", facts.smc, "SMC calls of a guest reach rvmm"));
    findings.push_back(finding("realms", facts.cca, "KVM makes realms"));
    if (facts.realm_host) {
        diagnosis.realm_host = facts.realm_host;
        add_realm_findings(diagnosis, *facts.realm_host);
    }
    if (!facts.local_kvm)
        findings.push_back({"guest-memfd", facts.guest_memfd,
                            facts.guest_memfd ? "guest_memfd is there" : "KVM has no guest_memfd",
                            facts.guest_memfd ? "" : "only real realms need it: a newer kernel"});
    add_lab_findings(findings, facts, search);
    diagnosis.vm = !facts.local_kvm || !facts.lab;
    diagnosis.cca = !facts.cca;
    diagnosis.emulated = !facts.local_kvm && !facts.smc;
    diagnosis.lab = !facts.lab;
    diagnosis.lab_realms = search.machine.realms;
    return diagnosis;
}

std::string to_text(const Diagnosis& diagnosis, bool colour) {
    const auto painted = [&](bool ok, std::string_view text) {
        if (!colour) return std::string(text);
        return fmt::format("{}{}\033[0m", ok ? "\033[32m" : "\033[33m", text);
    };
    std::string text;
    for (const Finding& finding : diagnosis.findings) {
        text +=
            fmt::format("{} {:<13} {}\n", painted(finding.ok, finding.ok ? "ok     " : "missing"),
                        finding.name, finding.detail);
        if (!finding.remedy.empty())
            text += fmt::format("        {:<13} -> {}\n", "", finding.remedy);
    }
    if (!diagnosis.defects.empty()) text += "\nknown of hosts of this kind:\n";
    for (const KnownDefect& defect : diagnosis.defects)
        text += fmt::format("{} {}: {}\n        -> {}\n", painted(false, "defect "), defect.name,
                            defect.what, defect.answer);
    const auto line = [&](bool yes, std::string_view what) {
        text += fmt::format("{} {}\n", painted(yes, yes ? "yes" : "no "), what);
    };
    text += "\n";
    line(diagnosis.cca, "real realms (host cca)");
    line(diagnosis.emulated, "emulated realms on this machine's KVM (host emulated)");
    line(diagnosis.lab, diagnosis.lab_realms == lab::LabRealms::kCca
                            ? "real realms on an emulated machine, a lab (host lab)"
                            : "emulated realms in a lab (host lab)");
    line(diagnosis.vm, "ordinary VMs");
    return text;
}

std::string to_json(const Diagnosis& diagnosis) {
    nlohmann::ordered_json json;
    json["tool"] = fmt::format("rvmm {}", kVersion);
    json["can"] = {{"cca", diagnosis.cca},
                   {"emulated", diagnosis.emulated},
                   {"lab", diagnosis.lab},
                   {"vm", diagnosis.vm}};
    for (const Finding& finding : diagnosis.findings)
        json["findings"].push_back({{"name", finding.name},
                                    {"ok", finding.ok},
                                    {"detail", finding.detail},
                                    {"remedy", finding.remedy}});
    if (diagnosis.realm_host) json["realm_host"] = to_json(*diagnosis.realm_host);
    for (const KnownDefect& defect : diagnosis.defects)
        json["defects"].push_back(
            {{"name", defect.name}, {"what", defect.what}, {"answer", defect.answer}});
    return json.dump();
}

}  // namespace rvmm::vmm
