#include "cli/measuring.hpp"

#include <optional>

#include "base/file.hpp"
#include "cli/output.hpp"
#include "realm/plan/fold_log.hpp"

namespace rvmm::cli {
namespace {

constexpr std::uint64_t kMaxProfiles = 1U << 20;  // bytes

}  // namespace

Result<ProfileFile> ProfileFile::load(const std::string& path) {
    ProfileFile file{realm::ProfileTable::built_in(), {}};
    if (path.empty()) return file;
    RVMM_TRY(const Bytes bytes, read_file("profiles", path, kMaxProfiles));
    file.text.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    RVMM_TRY(file.table, realm::ProfileTable::with_text(file.text, path));
    return file;
}

void add_profiles_option(CLI::App& command, std::string& path) {
    command.add_option("--profiles", path, "A file with profiles of your own (docs/measure.md)")
        ->type_name("FILE");
}

Result<realm::Folded> fold_with_log(const realm::LaunchPlan& plan, const std::string& log,
                                    std::function<void(std::uint64_t, std::uint64_t)> progress) {
    realm::FoldOptions options;
    options.progress = std::move(progress);
    if (log.empty()) return realm::fold(plan, options);
    RVMM_TRY(NewFile file, NewFile::create(log, "measurement log"));
    realm::FoldLog lines(plan, [&](std::string_view text) { return file.write(text); });
    options.log = lines.callback();
    RVMM_TRY(realm::Folded folded, realm::fold(plan, options));
    RVMM_CHECK(lines.finish(folded.rim));
    RVMM_CHECK(file.finish());
    return folded;
}

}  // namespace rvmm::cli
