#include "vmm/console/line_port.hpp"

#include "base/log.hpp"

namespace rvmm::vmm {

bool LinePort::put(ByteSpan bytes) {
    for (const std::byte byte : bytes) {
        const auto c = static_cast<char>(byte);
        if (c == '\n') {
            end_line();
        } else if (c != '\r') {
            too_long_ = too_long_ || line_.size() >= limit_;
            if (!too_long_) line_ += c;
        }
    }
    return true;
}

void LinePort::end_line() {
    const bool taken = !too_long_ && take(line_);
    if (!taken && !warned_) warn("what the guest wrote to port {} is {}", name_, complaint_);
    warned_ = warned_ || !taken;
    line_.clear();
    too_long_ = false;
}

}  // namespace rvmm::vmm
