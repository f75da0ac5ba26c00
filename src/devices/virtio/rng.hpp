// The entropy device: random bytes for the guest. Source: virtio 1.3, section 5.4.
#pragma once

#include <functional>
#include <string>

#include "devices/virtio/device.hpp"

namespace rvmm::devices::virtio {

class Rng final : public Device {
  public:
    /// Fills `bytes` from the first on, without waiting; returns how many, 0 if there are none to
    /// be had.
    using Source = std::function<std::size_t(MutableByteSpan bytes)>;
    /// The kernel's: getrandom(2).
    static std::size_t system_source(MutableByteSpan bytes);

    /// The most bytes of one request; the driver asks again for the rest.
    static constexpr std::size_t kMaxRequest = std::size_t{64} * 1024;

    explicit Rng(std::string name, Source source = system_source);

    std::string_view name() const override { return name_; }
    std::uint16_t type() const override { return 4; }
    std::uint64_t features() const override { return 0; }
    std::span<const std::uint16_t> queue_sizes() const override;
    Bytes config() const override { return {}; }

    void start(Session& session) override;
    void notify(unsigned queue) override;
    void stop(std::function<void()> stopped) override;
    std::vector<Counter> counters() const override;

  private:
    std::optional<std::uint32_t> serve(const Chain& chain);
    std::uint32_t fill(const Chain& chain);
    void fail(const Error& error);

    std::string name_;
    Source source_;
    Session* session_ = nullptr;
    bool failed_ = false;
    std::uint64_t requests_ = 0;
    std::uint64_t bytes_ = 0;
};

}  // namespace rvmm::devices::virtio
