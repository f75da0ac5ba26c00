// The control socket: a QMP server on a Unix stream socket, for several clients at once
// (docs/control.md). What it controls, and where that runs, is the target's business.
//
// Source: QEMU's docs/interop/qmp-spec.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>

#include <asio/io_context.hpp>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "vmm/control/control_connection.hpp"
#include "vmm/control/socket_acceptor.hpp"

namespace rvmm::vmm {

/// On the loop. Nothing that a client does makes it wait.
class ControlServer {
  public:
    /// Further ones are closed as they come.
    static constexpr std::size_t kMaxClients = 64;

    /// `loop` and `target` outlive it. `name` is the run's.
    ControlServer(asio::io_context& loop, ControlTarget& target, std::string name);
    ~ControlServer();
    ControlServer(const ControlServer&) = delete;

    /// Takes clients from a Unix stream socket that listens. Once. Errors: Stage::kLaunch.
    Result<> listen(UniqueFd socket);
    /// Takes a connected Unix stream socket as a client, as if it had come by itself.
    void add_client(UniqueFd socket);
    std::size_t clients() const { return clients_.size(); }

    /// Tells all clients that have negotiated. `data` may be null. Of several STOP or RESUME in a
    /// row, the first.
    void tell(std::string_view event, nlohmann::ordered_json data);

    /// Takes no more clients and requests, and runs the loop until all have read what there is for
    /// them and are closed, `patience` at most.
    void close(std::chrono::milliseconds patience);

  private:
    void add(ControlConnection::Socket socket);

    asio::io_context& loop_;
    ControlTarget& target_;
    const std::string name_;
    SocketAcceptor acceptor_;
    bool held_ = false;  // as clients were told
    std::set<std::shared_ptr<ControlConnection>> clients_;
};

}  // namespace rvmm::vmm
