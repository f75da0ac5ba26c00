#include "vmm/terminal/escape_filter.hpp"

namespace rvmm::vmm {
namespace {

constexpr std::byte kControlA{0x01};

}  // namespace

EscapeFilter::Result EscapeFilter::feed(ByteSpan bytes) {
    Result result;
    for (const std::byte b : bytes) {
        if (!escaped_) {
            escaped_ = b == kControlA;
            if (!escaped_) result.typed.push_back(b);
            continue;
        }
        escaped_ = false;
        switch (std::to_integer<unsigned char>(b)) {
            case 'x':
                result.quit = true;
                return result;
            case 'p':
                result.power = true;
                break;
            case 'h':
                result.help = true;
                break;
            case 'a':
            case 0x01:
                result.typed.push_back(kControlA);
                break;
            default:
                result.typed.push_back(kControlA);
                result.typed.push_back(b);
        }
    }
    return result;
}

std::string_view EscapeFilter::help() {
    return "\r\nCtrl-A x  end the run\r\nCtrl-A p  press the guest's power key\r\nCtrl-A a  send "
           "Ctrl-A\r\nCtrl-A h  this help\r\n";
}

}  // namespace rvmm::vmm
