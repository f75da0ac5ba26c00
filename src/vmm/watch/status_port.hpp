// The port of virtio-console by which a program in the guest says how it is (docs/ci.md): a line
// "ready", or "exit N" with its status N, 0 to 63.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "devices/byte_sink.hpp"

namespace rvmm::vmm {

inline constexpr std::string_view kStatusPortName = "rvmm.status";

/// What the guest writes to the port. On the machine's loop.
class StatusPort final : public devices::ByteSink {
  public:
    struct Actions {
        std::function<void()> ready = [] {};
        std::function<void(int)> exit = [](int) {};
    };
    explicit StatusPort(Actions actions) : actions_(std::move(actions)) {}

    /// Takes everything. A line of another kind is passed over, with a warning the first time.
    bool put(ByteSpan bytes) override;

  private:
    void end_line();

    Actions actions_;
    std::string line_;
    bool warned_ = false;
};

}  // namespace rvmm::vmm
