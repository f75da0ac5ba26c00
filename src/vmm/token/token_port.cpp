#include "vmm/token/token_port.hpp"

namespace rvmm::vmm {

std::string TokenPort::request() const {
    return to_hex(exchange_.challenge()) + "\n";
}

bool TokenPort::take(std::string_view line) {
    const auto token = from_hex(line);
    return token && exchange_.give(*token);
}

}  // namespace rvmm::vmm
