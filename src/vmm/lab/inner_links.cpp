#include "vmm/lab/inner_links.hpp"

#include <optional>

namespace rvmm::vmm::lab {
namespace {

constexpr auto kConnectAgain = std::chrono::milliseconds(50);

/// Does not wait: a Unix socket connects at once, or has no room.
std::optional<Link::Socket> connect_to(asio::io_context& loop, const std::string& path) {
    Link::Socket socket(loop);
    asio::error_code error;
    socket.open({}, error);
    if (!error) socket.non_blocking(true, error);
    if (!error) socket.connect(path, error);
    if (error) return std::nullopt;
    return socket;
}

}  // namespace

InnerLinks::InnerLinks(asio::io_context& loop, Link::Send send)
    : loop_(loop), table_(loop, std::move(send)), retry_(loop) {}

Result<> InnerLinks::take(const LinkMessage& message) {
    if (const auto* opened = std::get_if<LinkOpen>(&message.what))
        return open(message.id, opened->path);
    return table_.take(message);
}

Result<> InnerLinks::open(std::uint64_t id, const std::string& path) {
    if (table_.is_full() || table_.find(id)) return fail(Stage::kLaunch, "link {} is no news", id);
    const auto link = table_.add(id);
    if (finished_) {
        link->close();
        return {};
    }
    unconnected_.emplace(id, path);
    connect_all();
    return {};
}

void InnerLinks::connect_all() {
    for (auto it = unconnected_.begin(); it != unconnected_.end();) {
        const auto link = table_.find(it->first);
        auto socket = link ? connect_to(loop_, it->second) : std::nullopt;
        const bool again = link && !socket;
        if (socket) link->start(*std::move(socket));
        it = again ? std::next(it) : unconnected_.erase(it);
    }
    if (unconnected_.empty()) return;
    retry_.expires_after(kConnectAgain);
    retry_.async_wait([this](const asio::error_code& cancelled) {
        if (!cancelled) connect_all();
    });
}

void InnerLinks::finish(std::chrono::milliseconds patience, std::function<void()> done) {
    finished_ = true;
    retry_.cancel();
    for (const auto& [id, path] : std::exchange(unconnected_, {}))
        if (const auto link = table_.find(id)) link->close();
    table_.finish(patience, std::move(done));
}

}  // namespace rvmm::vmm::lab
