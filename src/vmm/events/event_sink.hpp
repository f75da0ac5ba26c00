// Where the lines of --events go: a new file, a FIFO that somebody reads, or an open descriptor.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace rvmm::vmm {

/// Never waits for a reader but in finish(). Not thread-safe.
class EventSink {
  public:
    /// `target` is "fd:N", or a path. Errors (Stage::kUsage): there is no such descriptor or it
    /// cannot be written to; the file is there already or cannot be made; nobody reads the FIFO.
    static Result<EventSink> open(const std::string& target);
    /// The errors of "fd:N" alone: before something else is opened, which may get that number.
    static Result<> check_descriptor(const std::string& target);

    /// Takes a line, with its newline. false: it was the last one, for the reader has gone, the
    /// disk is full, or kMaxPending bytes wait for a reader that does not read.
    bool put(std::string_view line);
    /// Waits until all is written, `patience` at most. false as above.
    bool finish(std::chrono::milliseconds patience);

    static constexpr std::size_t kMaxPending = std::size_t{1} << 20;

  private:
    explicit EventSink(UniqueFd fd) : fd_(std::move(fd)) {}
    /// Writes what is taken within `patience`.
    bool write(std::chrono::milliseconds patience);

    UniqueFd fd_;
    std::string pending_;
    bool failed_ = false;
};

}  // namespace rvmm::vmm
