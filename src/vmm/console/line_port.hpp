// A port of virtio-console by which a program in the guest says something to rvmm, a line at a
// time.
#pragma once

#include <string>
#include <string_view>

#include "devices/byte_sink.hpp"

namespace rvmm::vmm {

/// On the machine's loop.
class LinePort : public devices::ByteSink {
  public:
    /// Takes everything. A line that take() does not, or that is longer than the limit, is passed
    /// over, with a warning the first time.
    bool put(ByteSpan bytes) final;

  protected:
    /// `limit`: of a line, in bytes without its end. `complaint` ends "what the guest wrote to port
    /// NAME is ..."; both texts outlive the port.
    LinePort(std::string_view name, std::size_t limit, std::string_view complaint)
        : name_(name), limit_(limit), complaint_(complaint) {}
    /// A line without "\r" and "\n"; whether it was one that this port is for.
    virtual bool take(std::string_view line) = 0;

  private:
    void end_line();

    std::string_view name_;
    std::size_t limit_;
    std::string_view complaint_;
    std::string line_;
    bool too_long_ = false;
    bool warned_ = false;
};

}  // namespace rvmm::vmm
