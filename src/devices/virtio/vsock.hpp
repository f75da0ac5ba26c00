// virtio-vsock: stream sockets between the guest and the host. The device has a queue for each way;
// which packets there are is VsockRouter's business. Source: virtio 1.3, section 5.10.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <asio/io_context.hpp>

#include "devices/virtio/device.hpp"
#include "devices/virtio/vsock_router.hpp"

namespace rvmm::devices::virtio {

/// On the machine's loop. No chain is kept from one turn of the loop to the next.
class Vsock final : public Device, public std::enable_shared_from_this<Vsock> {
  public:
    /// Listens at the Unix socket `path`, by Firecracker's convention; clients wait until the guest
    /// has started the device. `loop` outlives it. Errors: a reserved CID, a path that is too long
    /// (Stage::kConfig); the path is taken, or cannot be made (Stage::kHostCannot).
    static Result<std::shared_ptr<Vsock>> create(asio::io_context& loop, std::string name,
                                                 std::uint32_t guest_cid,
                                                 std::filesystem::path path);
    /// With another host, for tests; and a limit below the router's.
    static Result<std::shared_ptr<Vsock>> create(
        asio::io_context& loop, std::string name, std::uint32_t guest_cid,
        std::shared_ptr<VsockHost> host,
        std::size_t max_connections = VsockRouter::kMaxConnections);

    static constexpr unsigned kReceive = 0;  // as the guest sees it
    static constexpr unsigned kTransmit = 1;
    static constexpr unsigned kEvent = 2;

    std::string_view name() const override { return name_; }
    std::uint16_t type() const override { return 19; }
    std::uint64_t features() const override { return 0; }  // streams
    std::span<const std::uint16_t> queue_sizes() const override;
    Bytes config() const override;
    void start(Session& session) override;
    void notify(unsigned queue) override;
    void stop(std::function<void()> stopped) override;
    std::vector<Counter> counters() const override;

    const VsockRouter& router() const { return router_; }

  private:
    Vsock(asio::io_context& loop, std::string name, std::uint32_t guest_cid,
          std::shared_ptr<VsockHost> host, std::size_t max_connections);
    bool works() const;
    void wake();
    void turn();
    void transmit();
    void fill(ReadyQueue& queue);
    void fail(const Error& error);

    asio::io_context& loop_;
    std::string name_;
    std::uint32_t guest_cid_;
    VsockRouter router_;
    Session* session_ = nullptr;
    bool failed_ = false;
    bool awake_ = false;  // a turn is coming
    bool held_ = false;   // the guest sent something that waits until it receives
};

}  // namespace rvmm::devices::virtio
