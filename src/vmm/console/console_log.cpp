#include "vmm/console/console_log.hpp"

#include "base/file.hpp"
#include "base/log.hpp"

namespace rvmm::vmm {

Result<ConsoleLog> ConsoleLog::create(const std::optional<std::filesystem::path>& path) {
    if (!path) return ConsoleLog(std::nullopt);
    RVMM_TRY(auto file, ConsoleFile::create(*path));
    return ConsoleLog(std::move(file));
}

void ConsoleLog::add(ByteSpan bytes) {
    if (!file_) return;
    keep();
    const auto done = write_all(Stage::kLaunch, file_->fd(), bytes, "the console's log");
    if (done) return;
    warn("{}; the log ends here", done.error().message());
    file_.reset();
}

}  // namespace rvmm::vmm
