// Errors are values. An Error says what was being done, to what, and why it failed; its Stage
// decides the exit code of the process (docs/exit-codes.md). It never allocates when moved.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace rvmm {

/// What kind of failure this is, from the point of view of whoever started rvmm. The process's exit
/// code is a function of the stage alone: see exit_code() and docs/exit-codes.md.
enum class Stage : std::uint8_t {
    kUsage,           // the command line is wrong
    kConfig,          // image.cfg says something it cannot say
    kImage,           // a file of the image cannot be read, or is not what it should be
    kHostCannot,      // this machine cannot do what is asked
    kHostNotAllowed,  // this machine could, but the config does not allow that kind of host
    kMeasurement,     // the measurement is not the expected one
    kLaunch,          // the launch failed half way (kernel, RMM, lab)
    kGuest,           // the guest did something that ends it
    kInternal,        // a bug of rvmm
};

/// The stage's name as reports print it: "config", "host-cannot", ...
std::string_view to_string(Stage stage);

class Error {
  public:
    /// `what` is one clause without a full stop: "memory must be a multiple of 4 KiB, got 1000".
    Error(Stage stage, std::string what) : stage_(stage), what_(std::move(what)) {}

    /// An Error whose clause ends with the system's text for `error_number` (an errno value).
    static Error from_errno(Stage stage, std::string what, int error_number);

    Stage stage() const { return stage_; }
    int error_number() const { return error_number_; }
    const std::string& advice() const { return advice_; }

    /// Adds what was being done when this happened: "loading initrd /x: " is put in front.
    Error with_context(std::string_view context) &&;
    /// Adds the one thing to do about it, printed on a line of its own after "hint: ".
    Error with_advice(std::string advice) &&;
    /// The same failure seen from a place where it means something else to the caller.
    Error with_stage(Stage stage) &&;

    /// One line, without the advice.
    const std::string& message() const { return what_; }

  private:
    Stage stage_;
    int error_number_ = 0;
    std::string what_;
    std::string advice_;
};

template <class T = void>
using Result = std::expected<T, Error>;

/// `return fail(Stage::kConfig, "{} is not a number", text);`
template <class... Args>
std::unexpected<Error> fail(Stage stage, fmt::format_string<Args...> format, Args&&... args) {
    return std::unexpected(Error(stage, fmt::format(format, std::forward<Args>(args)...)));
}

/// As fail(), with errno's text at the end.
template <class... Args>
std::unexpected<Error> fail_errno(Stage stage, int error_number, fmt::format_string<Args...> format,
                                  Args&&... args) {
    return std::unexpected(
        Error::from_errno(stage, fmt::format(format, std::forward<Args>(args)...), error_number));
}

}  // namespace rvmm

#define RVMM_CONCAT_(a, b) a##b
#define RVMM_CONCAT(a, b) RVMM_CONCAT_(a, b)

/// `RVMM_TRY(auto file, open(path));` declares `file`, or returns the Error from this function.
#define RVMM_TRY(declaration, expression) \
    RVMM_TRY_IMPL_(RVMM_CONCAT(rvmm_try_, __LINE__), declaration, expression)
// A declaration cannot stand in parentheses.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define RVMM_TRY_IMPL_(temporary, declaration, expression)                  \
    auto temporary = (expression);                                          \
    if (!(temporary)) return std::unexpected(std::move(temporary).error()); \
    declaration = *std::move(temporary)
// NOLINTEND(bugprone-macro-parentheses)

/// `RVMM_CHECK(step());` for a Result<void>: returns its Error from this function.
#define RVMM_CHECK(expression)                                      \
    do {                                                            \
        if (auto rvmm_check_ = (expression); !rvmm_check_)          \
            return std::unexpected(std::move(rvmm_check_).error()); \
    } while (false)
