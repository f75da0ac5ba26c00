#include "vmm/watch/status_port.hpp"

#include "base/exit_code.hpp"
#include "base/text.hpp"

namespace rvmm::vmm {
namespace {

constexpr std::string_view kExit = "exit ";
constexpr std::size_t kLongestStatusLine = 64;

}  // namespace

StatusPort::StatusPort(Actions actions)
    : LinePort(kStatusPortName, kLongestStatusLine,
               "neither \"ready\" nor \"exit N\" with N from 0 to 63"),
      actions_(std::move(actions)) {}

bool StatusPort::take(std::string_view line) {
    if (line == "ready") {
        actions_.ready();
        return true;
    }
    if (!line.starts_with(kExit)) return false;
    const auto status = parse_unsigned(line.substr(kExit.size()));
    if (!status || *status > static_cast<std::uint64_t>(ExitCode::kGuestStatusMax)) return false;
    actions_.exit(static_cast<int>(*status));
    return true;
}

}  // namespace rvmm::vmm
