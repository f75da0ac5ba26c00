#include "base/log.hpp"

#include <string>

#include <unistd.h>

#include "base/file.hpp"

namespace rvmm {
namespace {

void print_line(std::string_view colour, std::string_view label, std::string_view text) {
    const bool tty = ::isatty(STDERR_FILENO) == 1;
    // One write a line, so that lines of several threads or processes do not mix.
    const std::string line = tty && !colour.empty()
                                 ? fmt::format("rvmm: {}{}\033[0m{}\n", colour, label, text)
                                 : fmt::format("rvmm: {}{}\n", label, text);
    // Nothing can be done about a standard error that is gone.
    static_cast<void>(write_all(Stage::kInternal, STDERR_FILENO, as_bytes(line), "standard error"));
}

}  // namespace

void print_note(std::string_view text) {
    print_line("", "", text);
}
void print_warning(std::string_view text) {
    print_line("\033[33m", "warning: ", text);
}

void print_error(const Error& error) {
    print_line("\033[31m", "error: ", error.message());
    if (!error.advice().empty()) print_line("\033[36m", "hint: ", error.advice());
}

}  // namespace rvmm
