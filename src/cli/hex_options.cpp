#include "cli/hex_options.hpp"

namespace rvmm::cli {

Result<Bytes> hex_option(std::string_view option, const std::string& text, std::size_t limit) {
    auto bytes = from_hex(text);
    if (bytes && !bytes->empty() && bytes->size() <= limit) return *std::move(bytes);
    return fail(Stage::kUsage, "{} takes 1 to {} bytes as hex digits", option, limit);
}

Result<measure::Digest> digest_option(std::string_view option, const std::string& text) {
    const auto digest = measure::Digest::from_hex(text);
    if (digest && !digest->empty()) return *digest;
    const bool hex = text.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
    return fail(Stage::kUsage, "{} takes 64, 96 or 128 hex digits, not {}", option,
                hex ? fmt::format("{}", text.size()) : "other characters");
}

}  // namespace rvmm::cli
