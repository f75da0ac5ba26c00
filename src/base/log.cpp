#include "base/log.hpp"

#include <memory>
#include <mutex>
#include <string>
#include <utility>

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

using Listen = std::function<void(std::string_view)>;

// The one thing of this process that belongs to no object: warnings come from everywhere.
std::mutex listener_mutex;
std::shared_ptr<const Listen> listener;

std::shared_ptr<const Listen> exchange_listener(std::shared_ptr<const Listen> next) {
    const std::lock_guard lock(listener_mutex);
    return std::exchange(listener, std::move(next));
}

}  // namespace

WarningListener::WarningListener(std::function<void(std::string_view)> listen) {
    exchange_listener(std::make_shared<const Listen>(std::move(listen)));
}

WarningListener::~WarningListener() {
    exchange_listener(nullptr);
}

void print_note(std::string_view text) {
    print_line("", "", text);
}
void print_warning(std::string_view text) {
    print_line("\033[33m", "warning: ", text);
    std::shared_ptr<const Listen> listening;
    {
        const std::lock_guard lock(listener_mutex);
        listening = listener;
    }
    if (listening) (*listening)(text);
}

void print_error(const Error& error) {
    print_line("\033[31m", "error: ", error.message());
    if (!error.advice().empty()) print_line("\033[36m", "hint: ", error.advice());
}

}  // namespace rvmm
