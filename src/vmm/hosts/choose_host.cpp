#include <algorithm>

#include "vmm/hosts/host_facts.hpp"

namespace rvmm::vmm {
namespace {

using realm::HostKind;

std::unexpected<Error> cannot(std::string_view what, const Obstacle& obstacle) {
    return std::unexpected(
        Error(Stage::kHostCannot, fmt::format("this machine cannot {}: {}", what, obstacle.why))
            .with_advice(obstacle.remedy));
}

const std::optional<Obstacle>& emulation_obstacle(const HostFacts& facts) {
    return facts.local_kvm ? facts.local_kvm : facts.smc;
}

Result<RunsOn> choose_for_vm(const HostWishes& wishes, const HostFacts& facts) {
    if (wishes.host == HostKind::kCca || wishes.host == HostKind::kEmulated)
        return fail(Stage::kUsage, "--host {} is for realms, and this image is an ordinary VM",
                    to_string(*wishes.host));
    if (!facts.local_kvm && wishes.host != HostKind::kLab) return RunsOn::kLocalVm;
    if (!facts.lab) return RunsOn::kLab;
    return cannot("run this VM", wishes.host == HostKind::kLab ? *facts.lab : *facts.local_kvm);
}

Result<RunsOn> choose_named(HostKind host, const HostFacts& facts) {
    switch (host) {
        case HostKind::kCca:
            if (!facts.cca) return RunsOn::kCca;
            return cannot("run a real realm", *facts.cca);
        case HostKind::kEmulated: {
            const auto& obstacle = emulation_obstacle(facts);
            if (!obstacle) return RunsOn::kEmulated;
            return cannot("emulate a realm", *obstacle);
        }
        case HostKind::kLab:
            if (!facts.lab) return RunsOn::kLab;
            return cannot("boot a lab", *facts.lab);
    }
    return fail(Stage::kInternal, "a host of an unknown kind");
}

}  // namespace

std::string_view to_string(RunsOn host) {
    switch (host) {
        case RunsOn::kLocalVm:
            return "vm";
        case RunsOn::kEmulated:
            return "emulated";
        case RunsOn::kCca:
            return "cca";
        case RunsOn::kLab:
            return "lab";
    }
    return "unknown";
}

Result<RunsOn> choose_host(const realm::RealmSpec& spec, const HostWishes& wishes,
                           const HostFacts& facts) {
    if (!spec.realm) return choose_for_vm(wishes, facts);
    if (wishes.host) return choose_named(*wishes.host, facts);

    const auto allowed = [&](HostKind kind) {
        return std::ranges::find(spec.host.allow, kind) != spec.host.allow.end() ||
               (wishes.emulate && kind != HostKind::kCca);
    };
    if (allowed(HostKind::kCca) && !facts.cca) return RunsOn::kCca;
    if (allowed(HostKind::kEmulated) && !emulation_obstacle(facts)) return RunsOn::kEmulated;
    if (allowed(HostKind::kLab) && !facts.lab) return RunsOn::kLab;

    const std::string no_cca =
        facts.cca && allowed(HostKind::kCca) ? "no real realms here: " + facts.cca->why : "";
    if (allowed(HostKind::kLab)) return cannot("run this realm", *facts.lab);
    if (allowed(HostKind::kEmulated)) {
        const Obstacle& obstacle = *emulation_obstacle(facts);
        return cannot("emulate this realm",
                      {obstacle.why, "add --emulate, which allows the lab too"});
    }
    return std::unexpected(
        Error(Stage::kHostNotAllowed,
              fmt::format("this realm may run on real CCA hosts only, and {}", no_cca))
            .with_advice("to run it without protection add --emulate, or allow = [\"cca\", "
                         "\"emulated\", \"lab\"] under [host]"));
}

}  // namespace rvmm::vmm
