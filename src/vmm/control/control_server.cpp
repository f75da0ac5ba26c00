#include "vmm/control/control_server.hpp"

#include <vector>

#include "vmm/control/qmp_text.hpp"

namespace rvmm::vmm {
namespace {

// Until a connection is tried again that could not be taken, for lack of descriptors.
constexpr auto kRetryAfter = std::chrono::milliseconds(100);

}  // namespace

ControlServer::ControlServer(asio::io_context& loop, ControlTarget& target, std::string name)
    : loop_(loop), target_(target), name_(std::move(name)), acceptor_(loop), retry_(loop) {}

ControlServer::~ControlServer() {
    const auto clients = clients_;
    for (const auto& client : clients) client->drop();
}

Result<> ControlServer::listen(UniqueFd socket) {
    asio::error_code error;
    acceptor_.assign(asio::local::stream_protocol(), socket.get(), error);
    if (error)
        return fail_errno(Stage::kLaunch, error.value(), "cannot wait on the control socket");
    static_cast<void>(socket.release());
    accept();
    return {};
}

void ControlServer::accept() {
    acceptor_.async_accept([this](const asio::error_code& error, ControlConnection::Socket socket) {
        if (error == asio::error::operation_aborted) return;
        if (!error) {
            add(std::move(socket));
            return accept();
        }
        retry_.expires_after(kRetryAfter);
        retry_.async_wait([this](const asio::error_code& cancelled) {
            if (!cancelled) accept();
        });
    });
}

void ControlServer::add_client(UniqueFd socket) {
    ControlConnection::Socket made(loop_);
    asio::error_code error;
    made.assign(asio::local::stream_protocol(), socket.get(), error);
    if (error) return;
    static_cast<void>(socket.release());
    add(std::move(made));
}

void ControlServer::add(ControlConnection::Socket socket) {
    if (clients_.size() >= kMaxClients) return;  // closes it
    QmpCommands commands(target_, name_,
                         [this](std::string_view event, nlohmann::ordered_json data) {
                             tell(event, std::move(data));
                         });
    // The set's key is the object, which knows itself only when it is there.
    auto self = std::make_shared<std::weak_ptr<ControlConnection>>();
    auto client = std::make_shared<ControlConnection>(
        std::move(socket), std::move(commands), [this, self] { clients_.erase(self->lock()); });
    *self = client;
    clients_.insert(client);
    client->start();
}

void ControlServer::tell(std::string_view event, nlohmann::ordered_json data) {
    if (event == (held_ ? "STOP" : "RESUME")) return;
    if (event == "STOP" || event == "RESUME") held_ = !held_;
    const std::string text = qmp_event(event, std::move(data));
    const auto clients = clients_;  // one that does not read leaves
    for (const auto& client : clients) client->tell(text);
}

void ControlServer::close(std::chrono::milliseconds patience) {
    asio::error_code ignored;
    acceptor_.close(ignored);
    retry_.cancel();
    const auto clients = clients_;
    for (const auto& client : clients) client->finish();
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!clients_.empty() && std::chrono::steady_clock::now() < deadline) {
        loop_.restart();
        loop_.run_one_until(deadline);
    }
}

}  // namespace rvmm::vmm
