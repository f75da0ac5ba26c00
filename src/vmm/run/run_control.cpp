#include "vmm/run/run_control.hpp"

#include <chrono>
#include <filesystem>

#include <unistd.h>

#include "base/log.hpp"

namespace rvmm::vmm {
namespace {

namespace fs = std::filesystem;

// What clients may take to read how the run ended.
constexpr auto kClosePatience = std::chrono::milliseconds(500);

std::string absolute_path(const fs::path& path) {
    std::error_code error;
    const fs::path absolute = fs::absolute(path, error);
    return (error ? path : absolute.lexically_normal()).native();
}

std::int64_t seconds_now() {
    return std::chrono::duration_cast<std::chrono::seconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

GuestFacts facts_of(const realm::LaunchPlan& plan, const RanOn& ran_on, const std::string& rim) {
    GuestFacts facts;
    facts.host = to_string(ran_on.kind);
    facts.revision = ran_on.revision;
    facts.emulated = ran_on.kind == RunsOn::kEmulated;
    facts.realm = plan.is_realm();
    if (!facts.realm) return facts;
    facts.profile = plan.profile()->name;
    facts.hash = measure::to_string(plan.spec().realm->hash);
    if (!rim.empty()) facts.rim = rim;
    return facts;
}

nlohmann::ordered_json cause(bool guest, std::string_view reason) {
    nlohmann::ordered_json json;
    json["guest"] = guest;
    json["reason"] = reason;
    return json;
}

}  // namespace

Result<> ControlWishes::check() const {
    if (name.empty() || is_run_name(name)) return {};
    return fail(Stage::kUsage,
                "--name takes 1 to {} of letters, digits, _, . and -, not beginning with a dot: {}",
                kMaxRunName, name);
}

Result<std::unique_ptr<RunControl>> RunControl::create(
    const realm::LaunchPlan& plan, const ControlWishes& wishes, RunsOn host,
    const RuntimeFolder::Surroundings& surroundings) {
    RVMM_CHECK(wishes.check());
    std::unique_ptr<RunControl> control(new RunControl());
    const std::string config = absolute_path(plan.spec().source);
    control->name_ = wishes.name.empty() ? default_run_name(config, ::getpid()) : wishes.name;
    if (!wishes.socket.empty()) {
        const std::string path = absolute_path(wishes.socket);
        // A killed run may have left its socket there.
        if (const auto folder = RuntimeFolder::find(surroundings); folder && *folder)
            (void)running(**folder);
        RVMM_TRY(control->socket_, listen_at(path));
        control->own_socket_ = path;
    }
    RunEntry entry{.name = control->name_,
                   .process = ProcessId::ours(),
                   .config = config,
                   .socket = control->own_socket_,
                   .since = seconds_now(),
                   .host = std::string(to_string(host))};
    const auto claimed = control->claim_name(std::move(entry), surroundings);
    if (!claimed && !wishes.name.empty()) return std::unexpected(claimed.error());
    if (!claimed) warn("rvmm ps will not know this run: {}", claimed.error().message());
    return control;
}

Result<> RunControl::claim_name(RunEntry entry, const RuntimeFolder::Surroundings& surroundings) {
    RVMM_TRY(auto folder, RuntimeFolder::open(surroundings));
    RVMM_TRY(auto claimed, ClaimedName::claim(std::move(folder), std::move(entry)));
    claimed_.emplace(std::move(claimed));
    if (!socket_) socket_ = claimed_->take_socket();
    return {};
}

RunControl::~RunControl() {
    if (!own_socket_.empty()) ::unlink(own_socket_.c_str());
}

void RunControl::set_answers(const std::string& rim) {
    if (!claimed_) return;
    RunEntry entry = claimed_->entry();
    entry.rim = rim;
    entry.answers = true;
    if (const auto updated = claimed_->update(std::move(entry)); !updated)
        warn("{}", updated.error().message());
}

Result<> RunControl::serve(asio::io_context& loop, const realm::LaunchPlan& plan, Machine& machine,
                           const RanOn& ran_on, const std::string& rim) {
    set_answers(rim);
    if (!socket_) return {};
    target_ = std::make_unique<MachineTarget>(plan, machine, facts_of(plan, ran_on, rim));
    server_ = std::make_unique<ControlServer>(loop, *target_, name_);
    return server_->listen(std::move(socket_));
}

void RunControl::finish(const Result<RunReport>& report) {
    if (!server_) return;
    target_->set_ended(RunState::kShutdown);
    using Kind = RunOutcome::Kind;
    if (!report) {
        server_->tell("SHUTDOWN", cause(false, "host-error"));
    } else if (report->outcome.kind == Kind::kReset) {
        server_->tell("RESET", cause(true, "guest-reset"));
        server_->tell("SHUTDOWN", cause(true, "guest-reset"));
    } else if (report->outcome.kind == Kind::kPanic) {
        target_->set_ended(RunState::kGuestPanicked);
        server_->tell("GUEST_PANICKED", {{"action", "poweroff"}});
        server_->tell("SHUTDOWN", cause(true, "guest-panic"));
    } else if (report->outcome.kind == Kind::kKilled || report->outcome.kind == Kind::kTimeLimit ||
               report->outcome.kind == Kind::kMet) {
        server_->tell("SHUTDOWN",
                      cause(false, target_->was_asked_to_quit() ? "host-qmp-quit" : "host-signal"));
    } else {
        server_->tell("SHUTDOWN", cause(true, "guest-shutdown"));
    }
    server_->close(kClosePatience);
    server_.reset();
}

}  // namespace rvmm::vmm
