#include "vmm/suite/case_runner.hpp"

#include <csignal>
#include <cstdlib>
#include <map>
#include <system_error>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>

#include "vmm/lab/held_signals.hpp"

namespace rvmm::vmm::suite {
namespace {

namespace fs = std::filesystem;

/// A new folder that is removed with all in it.
class CaseFolder {
  public:
    static Result<CaseFolder> create() {
        const char* base = std::getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe)
        std::string path = fs::path(base != nullptr ? base : "/tmp") / "rvmm-test-XXXXXX";
        if (::mkdtemp(path.data()) == nullptr)
            return fail_errno(Stage::kLaunch, errno, "cannot make the folder {}", path);
        return CaseFolder(std::move(path));
    }
    CaseFolder(CaseFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
    CaseFolder& operator=(CaseFolder&&) = delete;
    ~CaseFolder() {
        std::error_code ignored;
        if (!path_.empty()) fs::remove_all(path_, ignored);
    }
    const fs::path& path() const { return path_; }

  private:
    explicit CaseFolder(fs::path path) : path_(std::move(path)) {}
    fs::path path_;
};

class CaseRunner {
  public:
    CaseRunner(const std::vector<CaseCommand>& commands, std::size_t at_once, const TakeRun& take,
               const fs::path& folder)
        : commands_(commands), take_(take), folder_(folder), signals_(loop_) {
        for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) signals_.add(number);
        watch_signals();
        for (std::size_t i = 0; i < at_once; ++i) asio::post(loop_, [this] { start_next(); });
    }

    std::optional<int> run() {
        const lab::LetSignals let;
        loop_.run();
        return signal_;
    }

  private:
    void watch_signals() {
        signals_.async_wait([this](const asio::error_code& error, int number) {
            if (error) return;
            if (!signal_) signal_ = number;
            end();
            watch_signals();
        });
    }

    void start_next() {
        if (ending_ || next_ == commands_.size()) return finish_if_idle();
        const std::size_t index = next_++;
        // The kernel's name for this program, whatever has become of its file.
        auto process = CaseProcess::start(
            loop_, commands_[index], "/proc/self/exe", folder_ / fmt::format("{}.json", index),
            [this, index](CaseRun run) { on_done(index, std::move(run)); });
        if (process) {
            running_.emplace(index, *std::move(process));
            return;
        }
        tell(index, {.error = process.error().message()});
        asio::post(loop_, [this] { start_next(); });
    }

    void on_done(std::size_t index, CaseRun run) {
        running_.erase(index);
        tell(index, std::move(run));
        start_next();
    }

    void tell(std::size_t index, CaseRun run) {
        if (!ending_ && !take_(index, std::move(run))) end();
    }

    void end() {
        ending_ = true;
        for (auto& [index, process] : running_) process->end();
        finish_if_idle();
    }

    void finish_if_idle() {
        if (running_.empty() && (ending_ || next_ == commands_.size())) loop_.stop();
    }

    asio::io_context loop_{1};
    const std::vector<CaseCommand>& commands_;
    const TakeRun& take_;
    const fs::path& folder_;
    asio::signal_set signals_;
    std::map<std::size_t, std::shared_ptr<CaseProcess>> running_;
    std::size_t next_ = 0;
    bool ending_ = false;
    std::optional<int> signal_;
};

}  // namespace

Result<std::optional<int>> run_cases(const std::vector<CaseCommand>& commands, std::size_t at_once,
                                     const TakeRun& take) {
    const lab::HeldSignals held;
    RVMM_TRY(const CaseFolder folder, CaseFolder::create());
    if (commands.empty()) return std::nullopt;
    return CaseRunner(commands, at_once, take, folder.path()).run();
}

}  // namespace rvmm::vmm::suite
