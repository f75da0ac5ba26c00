// Manual pages, made of the commands' definition: roff with the macros of man(7). Nothing in them
// depends on the day or on the machine.
#pragma once

#include <string>

#include "cli/command_tree.hpp"

namespace rvmm::cli {

/// The page's name without its section: "rvmm-token-verify".
std::string man_page_name(const CommandNode& node);

/// The page of `node`, a command of `root`.
std::string man_page(const CommandNode& root, const CommandNode& node);

/// `text` where roff shall take it for text: backslashes, quotes, hyphens, and what would begin a
/// request. Source: groff_char(7), man-pages(7).
std::string roff_escaped(std::string_view text);

}  // namespace rvmm::cli
