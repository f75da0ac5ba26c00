#include "devices/virtio/vsock_connect_line.hpp"

#include <algorithm>
#include <charconv>

namespace rvmm::devices::virtio {
namespace {

constexpr std::string_view kVsockBlanks = " \t\r";

/// Takes the first word from `line`.
std::string_view take_vsock_word(std::string_view& line) {
    line.remove_prefix(std::min(line.find_first_not_of(kVsockBlanks), line.size()));
    const std::string_view word = line.substr(0, line.find_first_of(kVsockBlanks));
    line.remove_prefix(word.size());
    return word;
}

bool is_vsock_connect(std::string_view word) {
    return std::ranges::equal(word, std::string_view("connect"), [](char a, char b) {
        return a == b || (a >= 'A' && a <= 'Z' && a - 'A' + 'a' == b);
    });
}

}  // namespace

std::optional<std::uint32_t> parse_vsock_connect(std::string_view line) {
    if (!is_vsock_connect(take_vsock_word(line))) return {};
    const std::string_view number = take_vsock_word(line);
    std::uint32_t port = 0;
    const auto [end, error] =
        std::from_chars(number.data(), number.data() + number.size(), port, 10);
    if (error != std::errc() || end != number.data() + number.size()) return {};
    if (!take_vsock_word(line).empty()) return {};
    return port;
}

std::size_t VsockConnectLine::take(ByteSpan bytes) {
    std::size_t taken = 0;
    while (state_ == State::kMore && taken < bytes.size()) {
        const char c = static_cast<char>(bytes[taken++]);
        if (c != '\n') {
            line_[size_++] = c;
            if (size_ == kMax) state_ = State::kBad;
            continue;
        }
        const auto port = parse_vsock_connect({line_.data(), size_});
        state_ = port ? State::kPort : State::kBad;
        port_ = port.value_or(0);
    }
    return taken;
}

}  // namespace rvmm::devices::virtio
