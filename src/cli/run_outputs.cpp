#include "cli/run_outputs.hpp"

#include <chrono>
#include <filesystem>
#include <map>

#include "base/exit_code.hpp"
#include "cli/output.hpp"
#include "vmm/suite/junit.hpp"

namespace rvmm::cli {

Result<> check_new_files(std::initializer_list<NamedFile> files) {
    std::map<std::filesystem::path, std::string_view> named;
    for (const auto& [option, path] : files) {
        if (path.empty()) continue;
        const auto [other, is_new] =
            named.emplace(std::filesystem::path(path).lexically_normal(), option);
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
    if (ended) RVMM_CHECK(written);
    return ended;
}

}  // namespace rvmm::cli
