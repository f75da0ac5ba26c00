#include "cli/run_outputs.hpp"

#include <chrono>
#include <filesystem>
#include <map>
#include <system_error>

#include "base/exit_code.hpp"
#include "base/log.hpp"
#include "cli/output.hpp"
#include "vmm/suite/junit.hpp"

namespace rvmm::cli {

Result<> check_new_files(std::initializer_list<NamedFile> files) {
    std::map<std::filesystem::path, std::string_view> named;
    for (const auto& [option, path] : files) {
        if (path.empty()) continue;
        std::error_code error;
        std::filesystem::path absolute = std::filesystem::absolute(path, error);
        if (error) absolute = path;
        const auto [other, is_new] = named.emplace(absolute.lexically_normal(), option);
        if (!is_new)
            return fail(Stage::kUsage, "{} and {} name the same file, {}", other->second, option,
                        path);
    }
    return {};
}

Result<int> with_junit(const std::string& path, const std::string& config,
                       const std::function<Result<int>(std::string& report)>& launch) {
    std::string report;
    if (path.empty()) return launch(report);
    RVMM_TRY(NewFile file, NewFile::create(path, "JUnit file"));
    const auto begin = std::chrono::steady_clock::now();
    auto ended = launch(report);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    Result<> written = file.write(vmm::suite::junit_of_run(
        {.config = config,
         .seconds = took.count(),
         .exit_code = ended ? *ended : to_int(exit_code(ended.error().stage())),
         .error = ended ? std::string_view() : ended.error().message(),
         .report = report}));
    if (written) written = file.finish();
    if (written) return ended;
    if (ended) return std::unexpected(written.error());
    warn("{}", written.error().message());  // what the launch failed for is the error
    return ended;
}

}  // namespace rvmm::cli
