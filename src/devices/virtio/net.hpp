// A network device: pairs of a receive and a transmit queue, each with its backend. Source: virtio
// 1.3, section 5.1.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "devices/net/net_backend.hpp"
#include "devices/virtio/device.hpp"
#include "devices/virtio/net_receiver.hpp"
#include "devices/virtio/net_transmitter.hpp"

namespace rvmm::devices::virtio {

/// On the machine's loop. With several pairs the driver says how many it uses (one, at first); the
/// backends of the others are detached.
class Net final : public Device {
  public:
    static constexpr std::uint16_t kQueueSize = 256;
    static constexpr std::uint16_t kControlQueueSize = 64;
    static constexpr std::size_t kMaxPairs = 31;

    struct Config {
        std::string name;
        std::array<std::uint8_t, 6> mac = {};
        std::optional<std::uint16_t> mtu = {};  // 68 to 65535
    };
    /// One backend for each pair of queues, all of a kind. Errors (Stage::kInternal): none, or more
    /// than kMaxPairs; an MTU that virtio does not allow.
    static Result<std::shared_ptr<Net>> create(Config config,
                                               std::vector<std::unique_ptr<NetBackend>> backends);
    ~Net() override;

    std::string_view name() const override { return config_.name; }
    std::uint16_t type() const override { return 1; }
    std::uint64_t features() const override;
    std::span<const std::uint16_t> queue_sizes() const override { return queue_sizes_; }
    Bytes config() const override;
    void start(Session& session) override;
    void notify(unsigned queue) override;
    void stop(std::function<void()> stopped) override;
    std::vector<Counter> counters() const override;

    bool link_up() const { return link_up_; }

  private:
    class Pair;

    Net(Config config, std::vector<std::unique_ptr<NetBackend>> backends);
    bool multi_queue() const { return pairs_.size() > 1; }
    unsigned control_queue() const;
    Offloads accepted_offloads() const;
    void use_pairs(std::size_t count);
    void serve_control(ReadyQueue& queue);
    std::uint8_t control(const Chain& chain);
    void link_down(const Error& error);

    Config config_;
    Bytes scratch_;  // for a packet that chains have no room for, within one call
    std::vector<std::unique_ptr<Pair>> pairs_;
    std::vector<std::uint16_t> queue_sizes_;
    Session* session_ = nullptr;
    std::size_t used_pairs_ = 0;
    bool link_up_ = true;
};

}  // namespace rvmm::devices::virtio
