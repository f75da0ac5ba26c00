#include "vmm/control/run_names.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <set>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.hpp"

namespace rvmm::vmm {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxEntryFile = 64 << 10;
constexpr int kBacklog = 64;

fs::path entry_file(const RuntimeFolder& folder, std::string_view name) {
    return folder.path() / fmt::format("{}.json", name);
}
fs::path entry_socket(const RuntimeFolder& folder, std::string_view name) {
    return folder.path() / fmt::format("{}.sock", name);
}
/// What becomes the entry's file. No name begins with a dot.
fs::path draft_file(const RuntimeFolder& folder, std::string_view name) {
    return folder.path() / fmt::format(".{}.json", name);
}

/// The entry goes last: as long as it is there, nobody else takes the name and makes files.
void remove_files(const RuntimeFolder& folder, std::string_view name) {
    for (const auto& path :
         {entry_socket(folder, name), draft_file(folder, name), entry_file(folder, name)})
        ::unlink(path.c_str());
}

Result<> write_entry(const RuntimeFolder& folder, const RunEntry& entry) {
    const fs::path draft = draft_file(folder, entry.name);
    const fs::path file = entry_file(folder, entry.name);
    {
        const UniqueFd fd(
            ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
        if (!fd) return fail_errno(Stage::kHostCannot, errno, "cannot create {}", draft.native());
        RVMM_CHECK(
            write_all(Stage::kHostCannot, fd.get(), as_bytes(entry.to_json()), file.native()));
    }
    if (::rename(draft.c_str(), file.c_str()) != 0)
        return fail_errno(Stage::kHostCannot, errno, "cannot create {}", file.native());
    return {};
}

/// A socket that nobody listens at any more.
bool is_dead_socket(const std::string& path) {
    struct stat status = {};
    sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
    if (path.size() >= sizeof address.sun_path || ::lstat(path.c_str(), &status) != 0 ||
        !S_ISSOCK(status.st_mode))
        return false;
    std::ranges::copy(path, address.sun_path);
    const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    return fd &&
           ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
           errno == ECONNREFUSED;
}

/// The run that the name's file tells of; nothing if there is no file, or it tells of none.
Result<std::optional<RunEntry>> read_entry(const RuntimeFolder& folder, std::string_view name) {
    const auto text = read_file("the entry", entry_file(folder, name), kMaxEntryFile);
    if (!text && text.error().error_number() == ENOENT) return std::nullopt;
    if (!text) return std::unexpected(text.error());
    return RunEntry::from_json(name, {reinterpret_cast<const char*>(text->data()), text->size()});
}

/// Every name that some file here belongs to.
Result<std::set<std::string>> names_in(const RuntimeFolder& folder) {
    std::set<std::string> names;
    std::error_code error;
    for (fs::directory_iterator it(folder.path(), error), end; !error && it != end;
         it.increment(error)) {
        const fs::path file = it->path().filename();
        if (file.extension() != ".json" && file.extension() != ".sock") continue;
        std::string name = file.stem().native();
        if (name.starts_with('.')) name.erase(0, 1);
        if (is_run_name(name)) names.insert(std::move(name));
    }
    if (error)
        return fail_errno(Stage::kHostCannot, error.value(), "cannot read the runtime folder {}",
                          folder.path().native());
    return names;
}

struct Swept {
    std::vector<RunEntry> runs = {};            // that live, by name
    std::map<std::string, Error> unknown = {};  // what could not be read, and so may live
};

/// Removes what ended runs have left. The folder is locked.
Result<Swept> sweep(const RuntimeFolder& folder) {
    Swept swept;
    RVMM_TRY(const auto names, names_in(folder));
    for (const std::string& name : names) {
        auto read = read_entry(folder, name);
        if (!read) {
            swept.unknown.emplace(name, std::move(read).error());
            continue;
        }
        auto& entry = *read;
        if (entry && entry->process.is_alive()) {
            swept.runs.push_back(*std::move(entry));
            continue;
        }
        // One of --control's is elsewhere, and another run may have the path now.
        if (entry && is_dead_socket(entry->socket)) ::unlink(entry->socket.c_str());
        remove_files(folder, name);
    }
    return swept;
}

/// Errors (Stage::kUsage): it is not.
Result<> check_free(const Swept& swept, const std::string& name) {
    std::string what;
    const auto run = std::ranges::find(swept.runs, name, &RunEntry::name);
    if (run != swept.runs.end())
        what = fmt::format("a run named {} is there, process {}", name, run->process.pid);
    else if (const auto unknown = swept.unknown.find(name); unknown != swept.unknown.end())
        what = fmt::format("a run named {} may be there: {}", name, unknown->second.message());
    if (what.empty()) return {};
    return std::unexpected(
        Error(Stage::kUsage, std::move(what)).with_advice("give this one another --name"));
}

}  // namespace

Result<UniqueFd> listen_at(const std::string& path) {
    sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
    if (path.size() >= sizeof address.sun_path)
        return fail(Stage::kUsage, "the path of a socket has at most {} bytes: {}",
                    sizeof address.sun_path - 1, path);
    std::ranges::copy(path, address.sun_path);
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    // What the file is made with, so that it is never open to others.
    if (!fd || ::fchmod(fd.get(), 0600) != 0)
        return fail_errno(Stage::kHostCannot, errno, "cannot make a socket");
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return fail_errno(Stage::kUsage, errno, "cannot create the control socket {}", path);
    if (::listen(fd.get(), kBacklog) != 0) {
        const int error = errno;
        ::unlink(path.c_str());
        return fail_errno(Stage::kHostCannot, error, "cannot listen at {}", path);
    }
    return fd;
}

Result<ClaimedName> ClaimedName::claim(RuntimeFolder folder, RunEntry entry) {
    RVMM_TRY(const auto lock, folder.lock());
    RVMM_TRY(const Swept swept, sweep(folder));
    RVMM_CHECK(check_free(swept, entry.name));
    UniqueFd socket;
    if (entry.socket.empty()) {
        entry.socket = entry_socket(folder, entry.name).native();
        RVMM_TRY(socket, listen_at(entry.socket));
    }
    if (auto written = write_entry(folder, entry); !written) {
        remove_files(folder, entry.name);
        return std::unexpected(std::move(written).error());
    }
    return ClaimedName(std::move(folder), std::move(entry), std::move(socket));
}

ClaimedName::~ClaimedName() {
    if (folder_ == nullptr) return;
    // Ours as long as we live, so no lock is needed, which somebody might keep.
    remove_files(*folder_, entry_.name);
}

Result<> ClaimedName::update(RunEntry entry) {
    entry_ = std::move(entry);
    // So that nobody reads a file that is replaced. Where another process keeps the lock it is
    // written all the same: who cannot read it leaves it.
    const auto lock = folder_->lock();
    return write_entry(*folder_, entry_);
}

Result<std::vector<RunEntry>> running(const RuntimeFolder& folder) {
    RVMM_TRY(const auto lock, folder.lock());
    RVMM_TRY(Swept swept, sweep(folder));
    return std::move(swept.runs);
}

}  // namespace rvmm::vmm
