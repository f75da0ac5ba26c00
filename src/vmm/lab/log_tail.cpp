#include "vmm/lab/log_tail.hpp"

#include <algorithm>

namespace rvmm::vmm::lab {
namespace {

constexpr std::string_view kPanic = "Kernel panic - not syncing";

}  // namespace

void LogTail::push(ByteSpan bytes) {
    if (bytes.size() > kMaxBytes) bytes = bytes.last(kMaxBytes);
    text_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    // Cut seldom: at twice the size, back to the size.
    if (text_.size() > 2 * kMaxBytes) text_.erase(0, text_.size() - kMaxBytes);
}

std::string LogTail::last_lines(std::size_t count) const {
    std::string_view rest = text_;
    if (const std::size_t panic = rest.find(kPanic); panic != rest.npos)
        rest = rest.substr(0, rest.find('\n', panic));
    std::string lines;
    while (!rest.empty() && count > 0) {
        const std::size_t start = rest.rfind('\n') + 1;
        std::string_view line = rest.substr(start);
        rest = rest.substr(0, start == 0 ? 0 : start - 1);
        while (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        if (line.empty()) continue;
        lines.insert(0, "  " + printable(line) + (lines.empty() ? "" : "\n"));
        --count;
    }
    return lines;
}

std::string printable(std::string_view text) {
    std::string result(text);
    std::ranges::replace_if(result, [](char c) { return c < ' ' || c > '~'; }, '?');
    return result;
}

}  // namespace rvmm::vmm::lab
