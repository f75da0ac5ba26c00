#include "vmm/run/run_watch.hpp"

#include <csignal>
#include <utility>

namespace rvmm::vmm {

RunWatch::RunWatch(asio::io_context& loop, const WatchSpec& spec, Machine& machine,
                   ConsoleOutput& console, ConsoleLog log, bool inside_lab)
    : spec_(spec),
      machine_(machine),
      console_(console),
      log_(std::move(log)),
      watch_(loop, spec,
             {.send =
                  [this](std::string_view text) {
                      sending_ += text;
                      resume_sending();
                  },
              .end = [this](RunOutcome outcome) { machine_.end(std::move(outcome)); }}),
      deadline_(loop),
      boot_limit_(loop),
      alarm_(loop) {
    console_.set_tap([this](ByteSpan bytes) { see(bytes); });
    if (spec_.deadline) {
        deadline_.expires_at(*spec_.deadline);
        end_at(deadline_, std::string(kTimeIsUp), false);
    }
    if (spec_.boot_limit) {
        boot_limit_.expires_after(*spec_.boot_limit);
        end_at(boot_limit_,
               fmt::format("the guest was not up within {:g} s (--boot-timeout)",
                           std::chrono::duration<double>(*spec_.boot_limit).count()),
               true);
    }
    if (!inside_lab) return;
    alarm_.add(SIGALRM);
    alarm_.async_wait([this](const asio::error_code& error, int) {
        if (!error) machine_.end({RunOutcome::Kind::kTimeLimit, 0, std::string(kTimeIsUp)});
    });
}

RunWatch::~RunWatch() {
    console_.set_tap({});
}

void RunWatch::end_at(asio::steady_timer& timer, std::string why, bool unless_up) {
    timer.async_wait([this, why = std::move(why), unless_up](const asio::error_code& error) {
        if (error || (unless_up && (machine_.is_ready() || watch_.has_met_any()))) return;
        machine_.end({RunOutcome::Kind::kTimeLimit, 0, why});
    });
}

void RunWatch::see(ByteSpan bytes) {
    if (first_byte_ && !bytes.empty()) std::exchange(first_byte_, {})();
    log_.add(bytes);
    watch_.feed(bytes);
}

void RunWatch::resume_sending() {
    if (sending_.empty()) return;
    const std::size_t taken = machine_.devices().consoles().type(as_bytes(sending_));
    sending_.erase(0, taken);
}

void RunWatch::finish(RunReport& report) {
    log_.keep();
    report.outcome = watch_.judge(std::move(report.outcome));
    report.expected = spec_.expect.size();
    report.met = watch_.met();
    if (report.outcome.exit_code() != 0)
        report.console_tail = watch_.last_lines();
    else
        report.last_exits.clear();
}

}  // namespace rvmm::vmm
