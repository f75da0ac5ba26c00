#include "vmm/net/passt.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace rvmm::vmm {
namespace {

constexpr std::size_t kMostWords = 300;

/// Whether we are root of the whole machine and not of a container: passt changes its user then,
/// and looks for "nobody" in /etc/passwd, which a small root does not have.
bool is_full_root() {
    if (::geteuid() != 0) return false;
    std::ifstream map("/proc/self/uid_map");
    std::uint64_t inside = 0, outside = 0, count = 0;
    return (map >> inside >> outside >> count) && inside == 0 && outside == 0 &&
           count == UINT32_MAX;
}

}  // namespace

Result<Passt> Passt::start(std::span<const std::string> options) {
    const std::string program = find_program("passt");
    if (program.empty())
        return std::unexpected(Error(Stage::kHostCannot, "there is no passt on PATH")
                                   .with_advice("install passt, or use a tap"));
    std::array<int, 2> sockets = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()) != 0)
        return fail_errno(Stage::kLaunch, errno, "cannot make sockets for passt");
    UniqueFd ours(sockets[0]);
    const UniqueFd theirs(sockets[1]);
    std::array<int, 2> pipe = {-1, -1};
    if (::pipe2(pipe.data(), O_CLOEXEC | O_NONBLOCK) != 0)
        return fail_errno(Stage::kLaunch, errno, "cannot make a pipe for passt");
    UniqueFd messages(pipe[0]);
    const UniqueFd output(pipe[1]);

    ChildProcess::Spec spec;
    spec.arguments = {program, "--foreground", "--quiet", "--fd", std::to_string(theirs.get())};
    if (is_full_root()) spec.arguments.insert(spec.arguments.end(), {"--runas", "65534:65534"});
    spec.arguments.insert(spec.arguments.end(), options.begin(), options.end());
    spec.inherited = {theirs.get()};
    spec.output = output.get();
    RVMM_TRY(auto child, ChildProcess::start(std::move(spec)));
    return Passt(std::move(ours), std::move(messages), std::move(child));
}

Result<> Passt::check() {
    if (!child_.ended()) return {};
    return std::unexpected(
        Error(Stage::kHostCannot, fmt::format("passt has ended: {}", last_words()))
            .with_advice("try it on its own: passt --foreground"));
}

/// The last line that it said, but for its complaints about the log that it has not got.
std::string Passt::last_words() {
    std::string said;
    std::array<char, 4096> chunk = {};
    ssize_t n = 0;
    while ((n = ::read(messages_.get(), chunk.data(), chunk.size())) > 0)
        said.append(chunk.data(), static_cast<std::size_t>(n));
    std::string last = "it said nothing";
    for (std::size_t at = 0; at < said.size();) {
        const std::size_t end = std::min(said.find('\n', at), said.size());
        const auto line = said.substr(at, std::min(end - at, kMostWords));
        if (!line.empty() && !line.starts_with("Failed to send")) last = line;
        at = end + 1;
    }
    return last;
}

Result<UniqueFd> connect_to_passt(const std::string& path) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof(address.sun_path))
        return fail(Stage::kHostCannot, "{} is too long for a socket's name", path);
    std::memcpy(address.sun_path, path.data(), path.size());
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) return fail_errno(Stage::kLaunch, errno, "cannot make a socket");
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
        return std::unexpected(Error::from_errno(Stage::kHostCannot,
                                                 fmt::format("cannot connect to passt at {}", path),
                                                 errno)
                                   .with_advice(fmt::format("start it: passt --socket {}", path)));
    return socket;
}

}  // namespace rvmm::vmm
