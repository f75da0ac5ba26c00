#include "vmm/control/control_server.hpp"

#include <vector>

#include "vmm/control/qmp_text.hpp"

namespace rvmm::vmm {

ControlServer::ControlServer(asio::io_context& loop, ControlTarget& target, std::string name)
    : loop_(loop),
      target_(target),
      name_(std::move(name)),
      acceptor_(loop, [this](ControlConnection::Socket socket) { add(std::move(socket)); }) {}

ControlServer::~ControlServer() {
    const auto clients = clients_;
    for (const auto& client : clients) client->drop();
}

Result<> ControlServer::listen(UniqueFd socket) {
    return acceptor_.listen(std::move(socket));
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
    acceptor_.close();
    const auto clients = clients_;
    for (const auto& client : clients) client->finish();
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!clients_.empty() && std::chrono::steady_clock::now() < deadline) {
        loop_.restart();
        loop_.run_one_until(deadline);
    }
}

}  // namespace rvmm::vmm
