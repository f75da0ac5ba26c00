// The host's side of vsock by Firecracker's convention: who wants to talk to the guest connects to
// the Unix socket PATH and says "CONNECT <port>\n"; whom the guest can talk to listens at
// PATH_<port>. Source: Firecracker, docs/vsock.md.
#pragma once

#include <chrono>
#include <filesystem>
#include <list>
#include <memory>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "base/error.hpp"
#include "devices/virtio/vsock_client.hpp"
#include "devices/virtio/vsock_socket_file.hpp"

namespace rvmm::devices::virtio {

struct VsockPatience {
    /// For a client that connected, until it says what it wants; people type that.
    std::chrono::milliseconds client{30'000};
    /// More such clients than this: the one that waits longest is sent away.
    std::size_t clients = 128;
};

/// On the machine's loop. While it is closed, clients wait to be accepted.
class VsockUnixHost final : public VsockHost,
                            public std::enable_shared_from_this<VsockUnixHost>,
                            private VsockClient::Owner {
  public:
    /// Bytes of PATH: with _<port> it still is a socket's path.
    static constexpr std::size_t kMaxPath = VsockSocketFile::kMaxPath - 11;

    /// Listens at `path`. `loop` outlives it. Errors: as VsockSocketFile's.
    static Result<std::shared_ptr<VsockUnixHost>> create(asio::io_context& loop,
                                                         std::filesystem::path path,
                                                         VsockPatience patience = {});
    ~VsockUnixHost() override;

    void open(Clients& clients) override;
    void close() override;
    std::optional<Socket> dial(std::uint32_t port) override;

  private:
    VsockUnixHost(asio::io_context& loop, std::filesystem::path path, VsockSocketFile file,
                  VsockPatience patience);
    void listen();
    void accept();
    void rest();
    void decided(VsockClient& client) override;
    std::optional<Socket> adopt(UniqueFd fd);

    asio::io_context& loop_;
    std::filesystem::path path_;
    VsockSocketFile file_;
    VsockPatience patience_;
    asio::local::stream_protocol::acceptor acceptor_;  // of the file's descriptor
    asio::steady_timer rest_;
    Clients* clients_ = nullptr;  // nothing: closed
    bool listening_ = false;
    std::list<std::shared_ptr<VsockClient>> waiting_;  // the one that came first is first
};

}  // namespace rvmm::devices::virtio
