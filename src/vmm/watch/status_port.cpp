#include "vmm/watch/status_port.hpp"

#include "base/exit_code.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace rvmm::vmm {
namespace {

constexpr std::string_view kExit = "exit ";
constexpr std::size_t kLongestStatusLine = 64;

}  // namespace

bool StatusPort::put(ByteSpan bytes) {
    for (const std::byte byte : bytes) {
        const auto c = static_cast<char>(byte);
        if (c == '\n')
            end_line();
        else if (c != '\r' && line_.size() < kLongestStatusLine)
            line_ += c;
    }
    return true;
}

void StatusPort::end_line() {
    const std::string line = std::exchange(line_, {});
    if (line == "ready") return actions_.ready();
    if (line.starts_with(kExit)) {
        const auto status = parse_unsigned(std::string_view(line).substr(kExit.size()));
        if (status && *status <= static_cast<std::uint64_t>(ExitCode::kGuestStatusMax))
            return actions_.exit(static_cast<int>(*status));
    }
    if (!warned_)
        warn(
            "what the guest wrote to port {} is neither \"ready\" nor \"exit N\" with N from 0 to "
            "63",
            kStatusPortName);
    warned_ = true;
}

}  // namespace rvmm::vmm
