// The port of virtio-console by which a program in the guest says how it is (docs/ci.md): a line
// "ready", or "exit N" with its status N, 0 to 63.
#pragma once

#include <functional>
#include <string_view>

#include "vmm/console/line_port.hpp"

namespace rvmm::vmm {

inline constexpr std::string_view kStatusPortName = "rvmm.status";

/// What the guest writes to the port. On the machine's loop.
class StatusPort final : public LinePort {
  public:
    struct Actions {
        std::function<void()> ready = [] {};
        std::function<void(int)> exit = [](int) {};
    };
    explicit StatusPort(Actions actions);

  private:
    bool take(std::string_view line) override;

    Actions actions_;
};

}  // namespace rvmm::vmm
