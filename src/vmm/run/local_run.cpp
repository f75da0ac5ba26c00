#include "vmm/run/local_run.hpp"

#include <asio/io_context.hpp>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.hpp"
#include "vmm/cca/cca_realm.hpp"
#include "vmm/console/console.hpp"
#include "vmm/hosts/emulated_realm.hpp"
#include "vmm/hosts/ordinary_vm.hpp"
#include "vmm/kvm/vm.hpp"
#include "vmm/machine/machine.hpp"
#include "vmm/run/console_keys.hpp"
#include "vmm/run/report.hpp"
#include "vmm/run/run_control.hpp"
#include "vmm/run/run_service.hpp"
#include "vmm/run/run_watch.hpp"
#include "vmm/terminal/terminal.hpp"

namespace rvmm::vmm {
namespace {

constexpr int kExitByKeys = 2;  // Ctrl-A x ends a run as Ctrl-C ends a program: SIGINT

/// What ordinary KVM cannot impose on a vCPU is still measured; one line says so.
Result<> warn_about_parameters(const realm::RealmParameters& parameters, const kvm::Vcpu& vcpu) {
    RVMM_TRY(const std::uint64_t dfr0, vcpu.id_aa64dfr0());
    const unsigned breakpoints = static_cast<unsigned>((dfr0 >> 12) & 15) + 1;
    const unsigned watchpoints = static_cast<unsigned>((dfr0 >> 20) & 15) + 1;
    std::string differences;
    const auto differ = [&](std::string_view name, unsigned measured, unsigned seen) {
        if (measured == seen) return;
        differences += fmt::format("{}{} {} (the guest sees {})", differences.empty() ? "" : ", ",
                                   name, measured, seen);
    };
    differ("breakpoints", parameters.breakpoints, breakpoints);
    differ("watchpoints", parameters.watchpoints, watchpoints);
    differ("sve_vl", parameters.sve_vl, 0);
    differ("pmu_counters", parameters.pmu_counters, 0);
    if (!differences.empty()) warn("measured, but not imposed by ordinary KVM: {}", differences);
    return {};
}

int console_descriptor(const realm::LaunchPlan& plan, const RunRequest& request) {
    if (!realm::uses_stdio(plan.spec())) return -1;
    return request.console_to_stderr ? STDERR_FILENO : STDOUT_FILENO;
}

/// What is done when the run has ended, while everything is there that the loop may still call.
using AfterRun = std::function<void(Result<RunReport>&)>;

Result<RunReport> run_machine(const realm::LaunchPlan& plan, Machine& machine,
                              asio::io_context& loop, RunWatch& watch, const AfterRun& after) {
    if (!realm::uses_stdio(plan.spec())) {
        auto report = machine.run();
        after(report);
        return report;
    }
    RVMM_TRY(const auto terminal, Terminal::make_raw(STDIN_FILENO, Terminal::Output::kProcessed));
    Consoles& consoles = machine.devices().consoles();
    ConsoleKeys keys(
        terminal.active(), [&] { machine.end({RunOutcome::Kind::kKilled, kExitByKeys, {}}); },
        [&] { machine.press_power_key(); });
    ConsoleInput input(loop, STDIN_FILENO, [&](ByteSpan bytes) {
        return keys.pass(bytes, [&](ByteSpan typed) { return consoles.type(typed); });
    });
    consoles.set_input_wanted([&] {
        watch.resume_sending();
        input.resume();
    });
    auto report = machine.run();
    consoles.set_input_wanted({});
    after(report);
    return report;
}

/// Says once that the guest has panicked, if that is how the run ended.
class PanicTeller {
  public:
    explicit PanicTeller(RunEvents& events) : events_(events) {}
    void tell(const RunOutcome& outcome) {
        if (outcome.kind != RunOutcome::Kind::kPanic || std::exchange(told_, true)) return;
        events_.say(PanicEvent{outcome.detail});
    }

  private:
    RunEvents& events_;
    bool told_ = false;
};

/// Tells `events` what the machine does. `watch` and `panic` outlive the machine's run.
MachineObserver observer_for(RunEvents& events, const RunWatch& watch, PanicTeller& panic) {
    const auto reach = [&events](Milestone milestone) {
        return [&events, milestone] { events.say(MilestoneEvent{milestone}); };
    };
    return {.first_entry =
                [&events, say = reach(Milestone::kFirstEntry)] {
                    events.phase(Phase::kGuest);
                    say();
                },
            .first_conversion = reach(Milestone::kFirstConversion),
            .ready = reach(Milestone::kReady),
            .ending =
                [&events, &watch, &panic](const Result<RunOutcome>& outcome) {
                    if (outcome) panic.tell(watch.judge(*outcome));
                    events.phase(Phase::kShutdown);
                }};
}

Result<RunReport> watched_run(const realm::LaunchPlan& plan, const RunRequest& request,
                              Machine& machine, asio::io_context& loop, ConsoleOutput& console,
                              ConsoleLog log,
                              const std::function<void(const Result<RunReport>&)>& ended) {
    RunWatch watch(loop, request.watch, machine, console, std::move(log), request.inside_lab);
    RunEvents& events = *request.events;
    PanicTeller panic(events);
    if (events.heard()) {
        machine.observe(observer_for(events, watch, panic));
        watch.on_first_byte([&] { events.say(MilestoneEvent{Milestone::kFirstConsoleByte}); });
    }
    return run_machine(plan, machine, loop, watch, [&](Result<RunReport>& report) {
        if (report) {
            watch.finish(*report);
            panic.tell(report->outcome);  // what the console said last may tell it
        }
        ended(report);
    });
}

/// What a person needs to know of an end that was not the guest's own wish.
void say_end(const RunReport& report) {
    const RunOutcome& outcome = report.outcome;
    if (outcome.detail.empty()) return;
    if (outcome.kind == RunOutcome::Kind::kPanic)
        warn("guest panic: {}", outcome.detail);
    else
        warn("{}", outcome.detail);
    if (outcome.kind != RunOutcome::Kind::kPanic && outcome.kind != RunOutcome::Kind::kTimeLimit)
        return;
    for (std::size_t vcpu = 0; vcpu < report.last_exits.size(); ++vcpu)
        if (const auto& exits = report.last_exits[vcpu]; !exits.empty())
            note("vCPU {}'s last exit: {}", vcpu, exits.back());
}

/// A guest and its VM, ready to run.
struct Built {
    std::unique_ptr<GuestKind> guest;
    BuiltVm vm;
    std::string revision = {};  // of KVM's realm interface
};

PopulateProgress progress_for(const RunRequest& request) {
    if (!request.events->heard()) return {};
    return [&events = *request.events](std::uint64_t done, std::uint64_t total) {
        events.progress(done, total);
    };
}

Result<Built> build_loaded(const realm::LaunchPlan& plan, const RunRequest& request,
                           const kvm::System& system, std::unique_ptr<LoadedGuest> guest) {
    RVMM_TRY(auto vm, build_vm(plan, system, *guest, progress_for(request)));
    return Built{std::move(guest), std::move(vm)};
}

Result<Built> launch_realm(const realm::LaunchPlan& plan, const RunRequest& request,
                           cca::RealmVm vm, devices::ByteSink& console, TokenExchange* tokens) {
    RVMM_TRY(auto populated,
             cca::PopulatedRealm::create(plan, std::move(vm), progress_for(request)));
    RVMM_TRY(auto running, std::move(populated).activate());
    std::string revision = running.host().version;
    auto guest = std::make_unique<cca::CcaRealm>(std::move(running), plan.board().cpus.size(),
                                                 console, tokens);
    BuiltVm built = guest->take_vm();
    return Built{std::move(guest), std::move(built), std::move(revision)};
}

Result<Built> build(const realm::LaunchPlan& plan, const RunRequest& request, const LocalHost& host,
                    const kvm::System& system, devices::ByteSink& console, TokenExchange* tokens) {
    if (host.kind == RunsOn::kCca)
        return launch_realm(plan, request, std::move(*host.realm_vm), console, tokens);
    if (host.kind == RunsOn::kEmulated) {
        RVMM_TRY(const auto rim, request.rim());
        RVMM_TRY(auto guest, EmulatedRealm::create(plan, rim, console, tokens));
        RVMM_TRY(auto built, build_loaded(plan, request, system, std::move(guest)));
        RVMM_CHECK(warn_about_parameters(*plan.spec().realm, built.vm.vcpus.front()));
        return built;
    }
    RVMM_TRY(auto guest, OrdinaryVm::create(plan, console));
    return build_loaded(plan, request, system, std::move(guest));
}

/// As many as this user may have: a guest's vsock connections are a descriptor each, and the usual
/// limit is there for programs that use select().
void allow_descriptors() {
    rlimit limit = {};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);  // refused: connections are, one by one
}

}  // namespace

Result<RunResult> run_locally(const realm::LaunchPlan& plan, const RunRequest& request,
                              const LocalHost& host, kvm::Driver& driver) {
    request.events->phase(Phase::kPopulate);
    RVMM_TRY(const auto system, kvm::System::open(driver));
    RVMM_TRY(auto log, ConsoleLog::create(request.console_log));
    allow_descriptors();
    asio::io_context loop(1);
    RunService service(loop, host.kind);
    std::unique_ptr<RunControl> control;
    // The outer rvmm is the one that people control.
    if (!request.inside_lab || request.control.any()) {
        RVMM_TRY(control, RunControl::create(plan, request.control, host.kind));
    }
    ConsoleOutput console(loop, console_descriptor(plan, request));
    RunResult result;
    result.host = host.kind;
    std::optional<TokenExchange> tokens;
    if (request.challenge) tokens.emplace(*request.challenge);
    TokenExchange* const wanted = tokens ? &*tokens : nullptr;
    RVMM_TRY(auto built, build(plan, request, host, system, console, wanted));
    RVMM_TRY(const auto machine,
             Machine::create(plan, std::move(built.vm), *built.guest, loop, console, wanted));
    RVMM_CHECK(request.loaded());
    const RanOn ran_on{host.kind, built.revision};
    const auto known = request.known_rim();
    const std::string known_rim = known ? to_hex(*known) : std::string();
    if (control) RVMM_CHECK(control->serve(loop, plan, *machine, ran_on, known_rim));
    service.follow(*machine, known_rim);
    RVMM_TRY(const RunReport report, watched_run(plan, request, *machine, loop, console,
                                                 std::move(log), [&](const Result<RunReport>& ran) {
                                                     if (control) control->finish(ran);
                                                 }));
    say_end(report);
    result.exit_code = report.outcome.exit_code();
    if (tokens) result.token = tokens->token();
    if (!request.wants_report) return result;
    RVMM_TRY(const auto rim, request.rim());
    result.report = make_report(plan, ran_on, to_hex(rim), report);
    return result;
}

}  // namespace rvmm::vmm
