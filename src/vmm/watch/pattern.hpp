// A regular expression that is looked for in what a guest prints. Source: RE2's syntax.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace re2 {
class RE2;
}

namespace rvmm::vmm {

/// Matching takes time in proportion to the text, whatever the expression and the text are (no
/// backtracking): the text is a guest's. A copy shares the compiled expression; any thread.
class Pattern {
  public:
    /// `option` names it in errors (Stage::kUsage): no regular expression, or one that is too
    /// large.
    static Result<Pattern> compile(std::string_view option, std::string_view expression);

    /// The expression as it was given.
    const std::string& text() const { return text_; }

    /// Where the first match in `line` at or after `from` ends; nothing if there is none. `^` and
    /// `$` are the ends of `line`. Bytes that are no UTF-8 match nothing but \C.
    std::optional<std::size_t> find(std::string_view line, std::size_t from = 0) const;

  private:
    Pattern(std::string text, std::shared_ptr<const re2::RE2> compiled)
        : text_(std::move(text)), compiled_(std::move(compiled)) {}
    std::string text_;
    std::shared_ptr<const re2::RE2> compiled_;
};

}  // namespace rvmm::vmm
