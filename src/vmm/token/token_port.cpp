#include "vmm/token/token_port.hpp"

#include "base/log.hpp"

namespace rvmm::vmm {

std::string TokenPort::request() const {
    return to_hex(exchange_.challenge()) + "\n";
}

bool TokenPort::put(ByteSpan bytes) {
    for (const std::byte byte : bytes) {
        const auto c = static_cast<char>(byte);
        if (c == '\n') {
            end_line();
        } else if (c != '\r') {
            too_long_ = too_long_ || line_.size() >= 2 * TokenExchange::kMaxSize;
            if (!too_long_) line_ += c;
        }
    }
    return true;
}

void TokenPort::end_line() {
    const auto token = from_hex(line_);
    const bool taken = !too_long_ && token && exchange_.give(*token);
    if (!taken && !warned_) warn("what the guest wrote to port {} is no token", kTokenPortName);
    warned_ = warned_ || !taken;
    line_.clear();
    too_long_ = false;
}

}  // namespace rvmm::vmm
