#include "vmm/run/run_image.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "vmm/run/lab_devices.hpp"
#include "vmm/run/lab_run.hpp"
#include "vmm/run/local_run.hpp"

namespace rvmm::vmm {
namespace {

/// Said before anything else of a realm that nothing protects.
void say_unprotected(RunsOn host, const lab::LabMachine& lab) {
    if (host == RunsOn::kLab && lab.realms == lab::LabRealms::kCca)
        note(
            "a real realm on an EMULATED machine, a lab: nothing protects it; for development and "
            "tests only");
    else
        note("EMULATED realm{}: nothing protects it; for development and tests only",
             host == RunsOn::kLab ? " in a lab" : "");
}

Result<> check_size(const realm::LaunchPlan& plan, unsigned max_ipa_bits) {
    const unsigned wanted = plan.is_realm() ? plan.spec().realm->ipa_bits : 40;
    if (wanted <= max_ipa_bits) return {};
    return std::unexpected(
        Error(Stage::kHostCannot, fmt::format("this host's KVM has {} IPA bits, {} are asked for",
                                              max_ipa_bits, wanted))
            .with_advice("lower realm.ipa_bits, which changes the measurement, or use another "
                         "host"));
}

kvm::Driver& driver_of(const RunRequest& request) {
    return request.driver != nullptr ? *request.driver : kvm::real_driver();
}

/// What is to be typed needs a console that takes it.
Result<> check_watch(const realm::LaunchPlan& plan, const WatchSpec& watch) {
    const bool types = std::ranges::any_of(
        watch.expect, [](const Expectation& wanted) { return !wanted.send.empty(); });
    if (!types || realm::uses_stdio(plan.spec())) return {};
    return std::unexpected(
        Error(Stage::kUsage, "--send has no console to type into")
            .with_advice("mode = \"stdio\" under [serial] or in a [[console]] makes one"));
}

HostEvent host_event(const HostChoice& choice, bool emulated) {
    HostEvent event{std::string(to_string(choice.host)), emulated};
    if (choice.host == RunsOn::kCca) event.revision = choice.facts.realm_vm->host().version;
    return event;
}

}  // namespace

Result<HostChoice> choose_host_for(const realm::LaunchPlan& plan, const RunRequest& request) {
    RVMM_CHECK(check_watch(plan, request.watch));
    HostFacts facts =
        find_host_facts(driver_of(request), looking_for(plan.spec(), request.wishes), request.lab);
    RVMM_TRY(const RunsOn host, choose_host(plan.spec(), request.wishes, facts));
    if (host == RunsOn::kLab) RVMM_CHECK(check_devices_for_lab(plan.spec()));
    if (host == RunsOn::kLocalVm || host == RunsOn::kEmulated)
        RVMM_CHECK(check_size(plan, facts.max_ipa_bits));
    return HostChoice{host, std::move(facts)};
}

Result<RunResult> run_image(const realm::LaunchPlan& plan, const RunRequest& request) {
    request.events->phase(Phase::kHost);
    RVMM_TRY(HostChoice choice, choose_host_for(plan, request));
    const RunsOn host = choice.host;
    const bool emulated = plan.is_realm() && host != RunsOn::kCca;
    request.events->say(host_event(choice, emulated));
    if (emulated && !request.inside_lab) say_unprotected(host, request.lab.machine);
    switch (host) {
        case RunsOn::kLocalVm:
        case RunsOn::kEmulated:
        case RunsOn::kCca:
            return run_locally(plan, request, {host, std::move(choice.facts.realm_vm)},
                               driver_of(request));
        case RunsOn::kLab:
            if (request.records)
                return std::unexpected(
                    Error(Stage::kUsage, "a run in a lab makes no calls to this machine's KVM")
                        .with_advice("record on the arm64 machine itself"));
            return run_in_lab_host(plan, request);
    }
    return fail(Stage::kInternal, "no launcher for host {}", to_string(host));
}

}  // namespace rvmm::vmm
