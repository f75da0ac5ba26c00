#include "devices/virtio/vsock_unix_host.hpp"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <sys/socket.h>

namespace rvmm::devices::virtio {
namespace {

// After which descriptors, or memory, may be had again.
constexpr auto kVsockRest = std::chrono::milliseconds(100);

}  // namespace

VsockUnixHost::VsockUnixHost(asio::io_context& loop, std::filesystem::path path,
                             VsockSocketFile file, VsockPatience patience)
    : loop_(loop),
      path_(std::move(path)),
      file_(std::move(file)),
      patience_(patience),
      acceptor_(loop),
      rest_(loop) {}

Result<std::shared_ptr<VsockUnixHost>> VsockUnixHost::create(asio::io_context& loop,
                                                             std::filesystem::path path,
                                                             VsockPatience patience) {
    if (path.native().size() > kMaxPath)
        return std::unexpected(
            Error(Stage::kConfig, fmt::format("a vsock's path has at most {} bytes, not {}: {}",
                                              kMaxPath, path.native().size(), path.native()))
                .with_advice("choose a shorter one: with _PORT behind it, it names Unix sockets"));
    RVMM_TRY(auto file, VsockSocketFile::listen(path));
    std::shared_ptr<VsockUnixHost> made(
        new VsockUnixHost(loop, std::move(path), std::move(file), patience));
    asio::error_code error;
    made->acceptor_.assign(asio::local::stream_protocol(), made->file_.fd(), error);
    if (error)
        return fail(Stage::kHostCannot, "cannot listen at {}: {}", made->path_.native(),
                    error.message());
    return made;
}

VsockUnixHost::~VsockUnixHost() {
    asio::error_code ignored;
    if (acceptor_.is_open()) acceptor_.release(ignored);  // the file closes it
}

void VsockUnixHost::open(Clients& clients) {
    clients_ = &clients;
    listen();
}

void VsockUnixHost::close() {
    clients_ = nullptr;
    waiting_.clear();
}

void VsockUnixHost::listen() {
    // A wait that outlives a close() serves the next open().
    if (listening_ || clients_ == nullptr) return;
    listening_ = true;
    acceptor_.async_wait(asio::socket_base::wait_read,
                         [weak = weak_from_this()](const asio::error_code& error) {
                             const auto self = weak.lock();
                             if (!self || error) return;
                             self->listening_ = false;
                             if (self->clients_ != nullptr) self->accept();
                         });
}

void VsockUnixHost::accept() {
    UniqueFd fd(::accept4(file_.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) return rest();
    if (fd) {
        if (auto socket = adopt(std::move(fd))) {
            if (waiting_.size() >= patience_.clients) waiting_.pop_front();
            waiting_.push_back(std::make_shared<VsockClient>(
                *std::move(socket), static_cast<VsockClient::Owner&>(*this)));
            waiting_.back()->start(patience_.client);
        }
    }
    listen();
}

void VsockUnixHost::rest() {
    rest_.expires_after(kVsockRest);
    rest_.async_wait([weak = weak_from_this()](const asio::error_code& error) {
        if (const auto self = weak.lock(); self && !error) self->listen();
    });
}

void VsockUnixHost::decided(VsockClient& client) {
    const auto at = std::ranges::find(waiting_, &client, &std::shared_ptr<VsockClient>::get);
    if (at == waiting_.end()) return;
    const std::shared_ptr<VsockClient> kept = std::move(*at);
    waiting_.erase(at);
    if (const auto port = client.port()) clients_->asked(client.take_socket(), *port);
}

std::optional<VsockHost::Socket> VsockUnixHost::adopt(UniqueFd fd) {
    Socket socket(loop_);
    asio::error_code error;
    socket.assign(asio::local::stream_protocol(), fd.get(), error);
    if (error) return {};
    static_cast<void>(fd.release());
    socket.non_blocking(true, error);
    return socket;
}

std::optional<VsockHost::Socket> VsockUnixHost::dial(std::uint32_t port) {
    auto path = path_;
    path += fmt::format("_{}", port);
    auto fd = VsockSocketFile::dial(path);
    if (!fd) return {};
    return adopt(*std::move(fd));
}

}  // namespace rvmm::devices::virtio
