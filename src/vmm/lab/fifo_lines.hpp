// Reads lines out of a FIFO that programs in the lab write to.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "vmm/lab/protocol.hpp"

namespace rvmm::vmm::lab {

/// On `io`, and as long as that runs.
class FifoLines {
  public:
    using Take = std::function<void(std::string_view line)>;

    /// Makes the FIFO `path`, and gives each line to `take`, without its newline; what is longer
    /// than kMaxFollowedLine is left out. Errors: Stage::kLaunch.
    static Result<std::unique_ptr<FifoLines>> create(asio::io_context& io, const std::string& path,
                                                     Take take);
    FifoLines(const FifoLines&) = delete;
    FifoLines& operator=(const FifoLines&) = delete;

    /// Takes what is in the FIFO now.
    void read_rest();

  private:
    FifoLines(asio::io_context& io, UniqueFd fd, Take take);
    asio::awaitable<void> read();
    void push(ByteSpan bytes);

    asio::posix::stream_descriptor fifo_;
    Take take_;
    LineReader lines_;
    bool broken_ = false;  // by a line without an end
};

}  // namespace rvmm::vmm::lab
