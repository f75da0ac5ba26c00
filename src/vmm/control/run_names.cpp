#include "vmm/control/run_names.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
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

void remove_files(const RuntimeFolder& folder, std::string_view name) {
    for (const auto& path :
         {entry_file(folder, name), entry_socket(folder, name), draft_file(folder, name)})
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

/// The run that the name's file tells of.
std::optional<RunEntry> read_entry(const RuntimeFolder& folder, std::string_view name) {
    const auto text = read_file("entry", entry_file(folder, name), kMaxEntryFile);
    if (!text) return std::nullopt;
    return RunEntry::from_json(name, {reinterpret_cast<const char*>(text->data()), text->size()});
}

/// Every name that some file here belongs to.
std::set<std::string> names_in(const RuntimeFolder& folder) {
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
    return names;
}

/// All that live, by name; what others have left is removed. The folder is locked.
std::vector<RunEntry> sweep(const RuntimeFolder& folder) {
    std::vector<RunEntry> runs;
    for (const std::string& name : names_in(folder)) {
        auto entry = read_entry(folder, name);
        if (entry && entry->process.is_alive()) {
            runs.push_back(*std::move(entry));
            continue;
        }
        // One of --control's is elsewhere, and another run may have the path now.
        if (entry && is_dead_socket(entry->socket)) ::unlink(entry->socket.c_str());
        remove_files(folder, name);
    }
    return runs;
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
    for (const RunEntry& other : sweep(folder))
        if (other.name == entry.name)
            return std::unexpected(
                Error(Stage::kUsage, fmt::format("a run named {} is there, process {}", entry.name,
                                                 other.process.pid))
                    .with_advice("give this one another --name"));
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
    return write_entry(*folder_, entry_);
}

Result<std::vector<RunEntry>> running(const RuntimeFolder& folder) {
    RVMM_TRY(const auto lock, folder.lock());
    return sweep(folder);
}

}  // namespace rvmm::vmm
