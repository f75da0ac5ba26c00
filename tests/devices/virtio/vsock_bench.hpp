// A vsock device with a driver that is a test, and the host's sockets around it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"
#include "devices/virtio/device_bench.hpp"
#include "devices/virtio/vsock.hpp"
#include "devices/virtio/vsock_unix_host.hpp"

namespace rvmm::devices::virtio {

/// A folder that goes with it; of a short name, for sockets.
class SocketFolder {
  public:
    SocketFolder();
    ~SocketFolder();
    std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

  private:
    std::filesystem::path path_;
};

/// A non-blocking socket of the host's, as a program there has it.
class HostSocket {
  public:
    HostSocket() = default;
    explicit HostSocket(UniqueFd fd) : fd_(std::move(fd)) {}
    static HostSocket connect(const std::filesystem::path& path);
    /// Bytes that were taken.
    std::size_t send(std::string_view text);
    /// Reads what is there, at most `most` bytes, to the end of input().
    void poll(std::size_t most = 1 << 20);
    const std::string& input() const { return input_; }
    std::string take() { return std::exchange(input_, {}); }
    bool ended() const { return ended_; }
    void shut_down(int how);
    void close() { fd_.reset(); }
    explicit operator bool() const { return static_cast<bool>(fd_); }

  private:
    UniqueFd fd_;
    std::string input_;
    bool ended_ = false;
};

struct VsockPacket {
    VsockHeader header;
    std::string payload;
};

/// The guest, and the bench of its device.
class VsockBench {
  public:
    static constexpr std::uint32_t kCid = 42;

    VsockBench() : path(folder / "v") {}
    /// The device with Unix sockets at `path`.
    void attach(std::size_t max_connections = VsockRouter::kMaxConnections);
    /// Starts the device and gives it buffers of `size` bytes to receive to.
    void start(std::uint32_t size = 4096, std::uint16_t count = DeviceBench::kQueueSize);
    void give_buffers(std::uint16_t count);

    /// Sends a packet, from the guest's CID and with the payload's length unless `raw`.
    void send(VsockHeader header, std::string_view payload = {}, bool raw = false);
    /// What came since the last call; its buffers are the device's again.
    std::vector<VsockPacket> received(bool give_back = true);
    /// Waits for the next packet.
    VsockPacket next();
    /// Nothing comes.
    bool quiet();
    /// As the bench's, with shorter naps: `done` itself moves data.
    bool run_until(const std::function<bool()>& done);
    /// Waits until the host's socket read so much, or its end; returns what it read.
    std::string read(HostSocket& socket, std::size_t size);
    bool ends(HostSocket& socket);

    /// A packet of a connection: from the guest's port to the host's.
    static VsockHeader header(std::uint32_t guest, std::uint32_t host, VsockOp op,
                              std::uint32_t buffer = 65536, std::uint32_t forwarded = 0,
                              std::uint32_t flags = 0);
    /// A client of the host's that the guest has accepted at `guest_port`; its own port.
    std::pair<HostSocket, std::uint32_t> accept(std::uint32_t guest_port,
                                                std::uint32_t buffer = 65536);
    /// What listens at the host's `port`.
    VsockSocketFile listen(std::uint32_t port) const;
    static HostSocket accepted(const VsockSocketFile& file);
    /// A connection of the guest's to the host's `port`.
    HostSocket connect(std::uint32_t guest_port, std::uint32_t port, std::uint32_t buffer = 65536);

    std::uint64_t counter(std::string_view name) const;

    SocketFolder folder;
    std::filesystem::path path;
    DeviceBench bench{400};
    std::shared_ptr<Vsock> device;

  private:
    static std::uint64_t receive_buffer(std::size_t i) { return DeviceBench::address(4 + i); }
    static std::uint64_t send_buffer(std::size_t i) { return DeviceBench::address(32 + 20 * i); }

    std::uint32_t buffer_size_ = 4096;
    std::uint16_t sent_ = 0;
    std::vector<VsockPacket> came_;
};

}  // namespace rvmm::devices::virtio
