#include "vmm/watch/console_lines.hpp"

#include "base/text.hpp"

namespace rvmm::vmm {

void ConsoleLines::feed(ByteSpan bytes, const std::function<void(std::string_view)>& line) {
    for (const std::byte byte : bytes) {
        const auto c = static_cast<char>(byte);
        if (c != '\n') current_ += c;
        if (c == '\n' || current_.size() == kLongestLine) end_line(line);
    }
}

void ConsoleLines::end_line(const std::function<void(std::string_view)>& line) {
    while (current_.ends_with('\r')) current_.pop_back();
    line(current_);
    if (kept_.size() == kKept) kept_.pop_front();
    kept_.push_back(std::move(current_));
    current_.clear();
}

std::vector<std::string> ConsoleLines::last() const {
    std::vector<std::string> lines;
    lines.reserve(kKept + 1);
    for (const std::string& line : kept_) lines.push_back(escape(line));
    if (!current_.empty()) lines.push_back(escape(current_));
    if (lines.size() > kKept) lines.erase(lines.begin());
    return lines;
}

}  // namespace rvmm::vmm
