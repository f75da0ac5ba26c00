// The device that tests of the transports drive.
#pragma once

#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "devices/virtio/device.hpp"

namespace rvmm::devices::virtio {

/// Answers what it can read in queue 0 with the same bytes; keeps chains of queue 1.
class EchoDevice final : public Device {
  public:
    std::string_view name() const override { return "echo0"; }
    std::uint16_t type() const override { return 42; }
    std::uint64_t features() const override { return 1; }
    std::span<const std::uint16_t> queue_sizes() const override { return kQueueSizes; }
    Bytes config() const override { return Bytes{std::byte{7}, std::byte{8}, std::byte{9}}; }

    void start(Session& session) override {
        session_ = &session;
        ++starts;
    }
    void notify(unsigned index) override {
        notified.push_back(index);
        session_->queue(index)->serve([&](Chain& chain) -> std::optional<std::uint32_t> {
            if (index == 1) {
                kept.push_back(std::move(chain));
                return {};
            }
            Bytes bytes(chain.readable_size());
            chain.read(0, bytes);
            return static_cast<std::uint32_t>(chain.write(0, bytes));
        });
    }
    void stop(std::function<void()> stopped) override {
        ++stops;
        stopped_ = std::move(stopped);
        if (!slow) finish();
    }
    void finish() {
        kept.clear();
        session_ = nullptr;
        std::exchange(stopped_, nullptr)();
    }
    void config_written(std::uint64_t offset, ByteSpan data) override {
        written.emplace_back(offset, data.size());
    }
    Session& session() { return *session_; }

    int starts = 0;
    int stops = 0;
    bool slow = false;
    std::vector<unsigned> notified;
    std::vector<Chain> kept;
    std::vector<std::pair<std::uint64_t, std::size_t>> written;

  private:
    static constexpr std::array<std::uint16_t, 2> kQueueSizes = {64, 32};

    Session* session_ = nullptr;
    std::function<void()> stopped_;
};

}  // namespace rvmm::devices::virtio
