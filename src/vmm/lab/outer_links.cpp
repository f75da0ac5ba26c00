#include "vmm/lab/outer_links.hpp"

#include <cerrno>

#include <asio/local/connect_pair.hpp>
#include <fcntl.h>

namespace rvmm::vmm::lab {

OuterLinks::OuterLinks(asio::io_context& loop, Link::Send send)
    : loop_(loop), send_(std::move(send)), table_(loop, send_) {}

Result<> OuterLinks::join(const LabSocket& socket) {
    UniqueFd listener(::fcntl(socket.listener, F_DUPFD_CLOEXEC, 0));
    if (!listener) return fail_errno(Stage::kLaunch, errno, "cannot wait on a socket of the lab");
    if (socket.answered) RVMM_CHECK(watch_for_answer(socket));
    acceptors_.push_back(std::make_unique<SocketAcceptor>(
        loop_, [this, inside = socket.inside](Link::Socket client) {
            add_client(std::move(client), inside);
        }));
    return acceptors_.back()->listen(std::move(listener));
}

void OuterLinks::add_client(Link::Socket socket, const std::string& inside) {
    if (table_.is_full()) return;  // closes it
    const std::uint64_t id = next_id_++;
    send_({id, LinkOpen{inside}});
    table_.add(id)->start(std::move(socket));
}

/// By a client of our own, that waits for the server's first word.
Result<> OuterLinks::watch_for_answer(const LabSocket& socket) {
    struct Watcher {
        explicit Watcher(asio::io_context& loop) : socket(loop) {}
        Link::Socket socket;
        char first = 0;
    };
    const auto watcher = std::make_shared<Watcher>(loop_);
    Link::Socket client(loop_);
    asio::error_code error;
    asio::local::connect_pair(watcher->socket, client, error);
    if (error) return fail_errno(Stage::kLaunch, error.value(), "cannot make a socket");
    watcher->socket.async_read_some(
        asio::buffer(&watcher->first, 1),
        [watcher, answered = socket.answered](const asio::error_code& ended, std::size_t) {
            if (!ended) answered();
        });
    add_client(std::move(client), socket.inside);
    return {};
}

void OuterLinks::finish(std::chrono::milliseconds patience, std::function<void()> done) {
    for (const auto& acceptor : acceptors_) acceptor->close();
    table_.finish(patience, std::move(done));
}

}  // namespace rvmm::vmm::lab
