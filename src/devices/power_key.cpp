#include "devices/power_key.hpp"

#include <utility>

namespace rvmm::devices {

PowerKey::PowerKey(asio::io_context& loop, std::shared_ptr<Pl061> gpio)
    : timer_(loop), gpio_(std::move(gpio)) {}

void PowerKey::press() {
    gpio_->set_input(kLine, true);
    timer_.expires_after(kHeld);
    timer_.async_wait([gpio = gpio_](const asio::error_code& error) {
        if (!error) gpio->set_input(kLine, false);
    });
}

}  // namespace rvmm::devices
