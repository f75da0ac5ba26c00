// The lines that a guest printed: the one it is at, and the last ones before.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace rvmm::vmm {

/// One thread at a time.
class ConsoleLines {
  public:
    static constexpr std::size_t kKept = 50;           // lines
    static constexpr std::size_t kLongestLine = 4096;  // bytes; a longer one is cut into several

    /// Calls `line` with each line that ends in `bytes`, without its "\n" or "\r\n". `line` may be
    /// empty.
    void feed(ByteSpan bytes, const std::function<void(std::string_view)>& line);

    /// What was printed since the last line's end.
    std::string_view current() const { return current_; }
    /// The last lines and the current one if it is not empty, oldest first, at most kKept; as
    /// escape() shows them.
    std::vector<std::string> last() const;

  private:
    void end_line(const std::function<void(std::string_view)>& line);

    std::string current_;
    std::deque<std::string> kept_;
};

}  // namespace rvmm::vmm
