#include "vmm/watch/pattern.hpp"

#include <re2/re2.h>

namespace rvmm::vmm {
namespace {

constexpr std::int64_t kCompiledLimit = std::int64_t{8} << 20;  // bytes; RE2's own default

}  // namespace

Result<Pattern> Pattern::compile(std::string_view option, std::string_view expression) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(kCompiledLimit);
    auto compiled = std::make_shared<const re2::RE2>(
        re2::StringPiece(expression.data(), expression.size()), options);
    if (!compiled->ok())
        return std::unexpected(
            Error(Stage::kUsage, fmt::format("{} {}: {}", option, expression, compiled->error()))
                .with_advice("regular expressions are RE2's: no backreferences, no lookaround; a "
                             "\\ before a character that is meant as itself"));
    return Pattern(std::string(expression), std::move(compiled));
}

std::optional<std::size_t> Pattern::find(std::string_view line, std::size_t from) const {
    const re2::StringPiece text(line.data(), line.size());
    re2::StringPiece match;
    if (from > line.size() ||
        !compiled_->Match(text, from, text.size(), re2::RE2::UNANCHORED, &match, 1))
        return std::nullopt;
    return static_cast<std::size_t>(match.data() + match.size() - text.data());
}

}  // namespace rvmm::vmm
