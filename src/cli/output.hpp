// Where commands write: standard output, new files, and progress on a terminal.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace rvmm::cli {

/// Standard output is a terminal: what no terminal should get is refused.
bool stdout_is_terminal();

/// Writes all of `text` to standard output. `what` names it in errors (Stage::kLaunch).
Result<> print(std::string_view text, std::string_view what);

/// A file that was not there before, written through a buffer; it is gone again unless it was
/// finished.
class NewFile {
  public:
    enum class Appears : std::uint8_t {
        kWhole,  // when it is finished, so that a killed rvmm leaves none; see create()
        kAtOnce,
    };
    /// Errors (Stage::kUsage): `path` exists, or cannot be created. `what` names it in errors.
    /// Where a folder can have no file without a name (O_TMPFILE) it appears at once.
    static Result<NewFile> create(std::filesystem::path path, std::string what,
                                  Appears appears = Appears::kWhole);
    NewFile(NewFile&&) noexcept = default;
    NewFile& operator=(NewFile&&) = delete;
    ~NewFile();

    Result<> write(ByteSpan bytes);
    Result<> write(std::string_view text) { return write(as_bytes(text)); }
    /// Writes what is still in the buffer.
    Result<> flush();
    /// The same, and keeps the file. Errors (Stage::kUsage): `path` exists by now.
    Result<> finish();

  private:
    NewFile(std::filesystem::path path, std::string what, UniqueFd fd)
        : path_(std::move(path)), what_(std::move(what)), fd_(std::move(fd)) {}

    std::filesystem::path path_;
    std::string what_;
    UniqueFd fd_;
    std::string buffer_;
    bool named_ = true;  // it is at `path_`
    bool finished_ = false;
};

enum class Contents : std::uint8_t { kText, kCbor };
/// Writes to the new file `path`, or where that is empty to standard output, which must not be a
/// terminal for CBOR.
Result<> emit(const std::string& path, ByteSpan bytes, Contents contents);

/// A progress line on standard error for long work, where that is a terminal: what
/// FoldOptions::progress takes, or nothing. `total` bytes of at least 1 GiB count as long.
std::function<void(std::uint64_t done, std::uint64_t total)> progress_line(std::string what);

}  // namespace rvmm::cli
