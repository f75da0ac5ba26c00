// Attestation tokens and what was found out about them, as the commands print them.
#pragma once

#include <string>

#include "measure/token/verify.hpp"

namespace rvmm::cli {

/// Every claim, then the checks; text, or one JSON document.
std::string token_text(const measure::token::Token& token, const measure::token::Verdict& verdict,
                       bool color);
std::string token_json(const measure::token::Token& token, const measure::token::Verdict& verdict);

/// A line for each check.
std::string verdict_text(const measure::token::Verdict& verdict, bool color);
/// The checks and the two summaries, one JSON document. `hint` is left out if it is empty.
std::string verdict_json(const measure::token::Token& token, const measure::token::Verdict& verdict,
                         std::string_view hint);

}  // namespace rvmm::cli
