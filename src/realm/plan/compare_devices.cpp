#include "realm/plan/compare_devices.hpp"

#include <algorithm>

#include "realm/spec/config_text.hpp"
#include "realm/spec/write_config.hpp"

namespace rvmm::realm {
namespace {

/// A device as lines of a config; its transport, which the device tree says, is left out.
std::vector<std::string> lines_of(const std::vector<DeviceSpec>& devices, std::size_t index) {
    std::vector<std::string> lines;
    if (index >= devices.size()) return lines;
    std::string text = write_device(devices[index]);
    for (std::size_t end = 0; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1))
        if (!text.starts_with("transport = ")) lines.push_back(text.substr(0, end));
    return lines;
}

/// The lines that `others` lacks, on one.
std::string only_in(const std::vector<std::string>& lines, const std::vector<std::string>& others) {
    std::string text;
    for (const std::string& line : lines)
        if (std::ranges::find(others, line) == others.end())
            text += (text.empty() ? "" : ", ") + line;
    return printable(text, kShownName);
}

}  // namespace

void compare_devices(const std::vector<DeviceSpec>& ours, const std::vector<DeviceSpec>& theirs,
                     Differences& sink) {
    for (std::size_t i = 0; i < std::max(ours.size(), theirs.size()); ++i) {
        const auto a = lines_of(ours, i);
        const auto b = lines_of(theirs, i);
        if (a != b) sink.add({fmt::format("device {}", i), only_in(a, b), only_in(b, a)});
    }
}

}  // namespace rvmm::realm
