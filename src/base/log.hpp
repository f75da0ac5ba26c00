// Messages to the person who runs rvmm, on standard error: one line each, "rvmm: ...". Colour only
// on a terminal.
#pragma once

#include <functional>
#include <string_view>

#include <fmt/format.h>

#include "base/error.hpp"

namespace rvmm {

void print_note(std::string_view text);
void print_warning(std::string_view text);
/// The error's line, and its advice as a second one after "hint: ".
void print_error(const Error& error);

/// Gets the text of each warning too, from the thread that warns, as long as it lives. One at a
/// time.
class WarningListener {
  public:
    explicit WarningListener(std::function<void(std::string_view)> listen);
    ~WarningListener();
    WarningListener(const WarningListener&) = delete;
    WarningListener& operator=(const WarningListener&) = delete;
};

template <class... Args>
void note(fmt::format_string<Args...> format, Args&&... args) {
    print_note(fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
    print_warning(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace rvmm
