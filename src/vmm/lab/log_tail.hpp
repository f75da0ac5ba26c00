// The end of a log, bounded in memory.
#pragma once

#include <string>

#include "base/bytes.hpp"

namespace rvmm::vmm::lab {

class LogTail {
  public:
    static constexpr std::size_t kMaxBytes = 64U << 10;

    void push(ByteSpan bytes);
    bool empty() const { return text_.empty(); }
    /// The last `count` lines that are not blank, each after "  " and without control characters;
    /// no newline at the end. A kernel panic's own line is the last: what follows it is a trace.
    std::string last_lines(std::size_t count) const;

  private:
    std::string text_;
};

/// `text` with each byte that is not printable ASCII as '?': what came from elsewhere cannot drive
/// the terminal.
std::string printable(std::string_view text);

}  // namespace rvmm::vmm::lab
