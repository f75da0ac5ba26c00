#include "vmm/suite/case_process.hpp"

#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "base/file.hpp"
#include "vmm/process/proc_memory.hpp"

namespace rvmm::vmm::suite {
namespace {

constexpr auto kLastWords = std::chrono::milliseconds(500);
constexpr std::uint64_t kMostReport = 16U << 20;  // bytes

struct CasePipe {
    UniqueFd ours;
    UniqueFd theirs;
};

Result<CasePipe> make_case_pipe() {
    std::array<int, 2> fds = {-1, -1};
    if (::pipe2(fds.data(), O_CLOEXEC) != 0)
        return fail_errno(Stage::kLaunch, errno, "cannot make a pipe");
    return CasePipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

std::string report_of(const std::filesystem::path& path) {
    const auto bytes = read_file("report", path, kMostReport);
    if (!bytes) return {};
    return short_report({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
}

}  // namespace

Result<std::shared_ptr<CaseProcess>> CaseProcess::start(asio::io_context& loop,
                                                        const CaseCommand& command,
                                                        const std::string& program,
                                                        std::filesystem::path report, Done done) {
    RVMM_TRY(CasePipe output, make_case_pipe());
    RVMM_TRY(CasePipe errors, make_case_pipe());
    ChildProcess::Spec spec;
    spec.arguments = {program};
    spec.arguments.insert(spec.arguments.end(), command.arguments.begin(), command.arguments.end());
    spec.arguments.insert(spec.arguments.end(), {"--report", report.native()});
    spec.output = output.theirs.get();
    spec.errors = errors.theirs.get();
    RVMM_TRY(auto child, ChildProcess::start(std::move(spec)));
    RVMM_TRY(UniqueFd watch, child.watch());
    std::shared_ptr<CaseProcess> process(
        new CaseProcess(loop, std::move(child), std::move(watch), std::move(output.ours),
                        std::move(errors.ours), std::move(report), std::move(done)));
    process->begin(command.limit);
    return process;
}

CaseProcess::CaseProcess(asio::io_context& loop, ChildProcess child, UniqueFd watch,
                         UniqueFd output, UniqueFd errors, std::filesystem::path report, Done done)
    : child_(std::move(child)),
      watch_(loop, watch.release()),
      output_{asio::posix::stream_descriptor(loop, output.release())},
      errors_{asio::posix::stream_descriptor(loop, errors.release())},
      timer_(loop),
      report_(std::move(report)),
      done_(std::move(done)) {}

void CaseProcess::begin(std::chrono::nanoseconds limit) {
    read(output_);
    read(errors_);
    wait_for_end();
    kill_after(limit + kGrace, "it went on after its time limit");
}

CaseProcess::~CaseProcess() {
    std::error_code ignored;
    std::filesystem::remove(report_, ignored);
}

void CaseProcess::read(Stream& stream) {
    stream.from.async_read_some(
        asio::buffer(stream.buffer),
        [self = shared_from_this(), &stream](const asio::error_code& error, std::size_t size) {
            stream.lines.feed(ByteSpan(stream.buffer).first(size), [](std::string_view) {});
            stream.ended = error || self->heard_enough_;
            if (!stream.ended) return self->read(stream);
            self->finish_if_complete();
        });
}

void CaseProcess::kill_after(std::chrono::nanoseconds time, const char* why) {
    timer_.expires_after(time);
    timer_.async_wait([self = shared_from_this(), why](const asio::error_code& error) {
        if (error || self->child_.how()) return;
        if (self->error_.empty()) self->error_ = why;
        self->child_.send(SIGKILL);
    });
}

void CaseProcess::end() {
    if (child_.how()) return;
    if (std::exchange(told_to_end_, true)) return child_.send(SIGKILL);
    child_.send(SIGTERM);
    kill_after(kGrace, "it did not end when it was told to");
}

/// Asio gives the place of a descriptor that was closed to the next one, with what had been seen of
/// the first: a wait can end for nothing.
void CaseProcess::wait_for_end() {
    watch_.async_wait(asio::posix::stream_descriptor::wait_read,
                      [self = shared_from_this()](const asio::error_code& error) {
                          if (!self->child_.ended() && !error) return self->wait_for_end();
                          if (error) self->child_.kill();
                          self->on_end();
                      });
}

void CaseProcess::on_end() {
    // Who has a pipe of a process that is gone says nothing that matters.
    timer_.expires_after(kLastWords);
    timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
        if (error) return;
        // A read that has something already does not hear of this.
        self->heard_enough_ = true;
        asio::error_code ignored;
        self->output_.from.cancel(ignored);
        self->errors_.from.cancel(ignored);
    });
    finish_if_complete();
}

void CaseProcess::finish_if_complete() {
    if (!child_.how() || !output_.ended || !errors_.ended) return;
    timer_.cancel();
    using std::chrono::milliseconds;
    const auto took = std::chrono::steady_clock::now() - started_;
    CaseRun run{.exit_code = child_.how()->exit_code,
                .error = error_,
                .report = report_of(report_),
                .console = output_.lines.last(),
                .messages = errors_.lines.last(),
                .milliseconds = static_cast<std::uint64_t>(
                    std::chrono::duration_cast<milliseconds>(took).count()),
                .peak_memory = child_.how()->peak_memory,
                .free_memory = proc_memory("/proc/meminfo", "MemAvailable:")};
    done_(std::move(run));
}

}  // namespace rvmm::vmm::suite
