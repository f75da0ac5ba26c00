#include "vmm/control/socket_acceptor.hpp"

#include <chrono>

namespace rvmm::vmm {
namespace {

constexpr auto kRetryAfter = std::chrono::milliseconds(100);

}  // namespace

SocketAcceptor::SocketAcceptor(asio::io_context& loop, std::function<void(Socket)> taken)
    : taken_(std::move(taken)), acceptor_(loop), retry_(loop) {}

Result<> SocketAcceptor::listen(UniqueFd socket) {
    asio::error_code error;
    acceptor_.assign(asio::local::stream_protocol(), socket.get(), error);
    if (error)
        return fail_errno(Stage::kLaunch, error.value(), "cannot wait on the control socket");
    static_cast<void>(socket.release());
    accept();
    return {};
}

void SocketAcceptor::close() {
    asio::error_code ignored;
    acceptor_.close(ignored);
    retry_.cancel();
}

void SocketAcceptor::accept() {
    acceptor_.async_accept([this](const asio::error_code& error, Socket socket) {
        if (error == asio::error::operation_aborted || !acceptor_.is_open()) return;
        if (!error) {
            taken_(std::move(socket));
            return accept();
        }
        retry_.expires_after(kRetryAfter);
        retry_.async_wait([this](const asio::error_code& cancelled) {
            if (!cancelled) accept();
        });
    });
}

}  // namespace rvmm::vmm
