// Joins sockets that listen outside a lab to sockets inside it: the agent's end.
#pragma once

#include <map>
#include <string>

#include "vmm/lab/link_table.hpp"

namespace rvmm::vmm::lab {

/// On the loop, which outlives it.
class InnerLinks {
  public:
    /// `send` passes a message to rvmm outside.
    InnerLinks(asio::io_context& loop, Link::Send send);
    InnerLinks(const InnerLinks&) = delete;
    InnerLinks& operator=(const InnerLinks&) = delete;

    /// What rvmm outside says. A link to a socket that does not listen yet waits for it. Errors
    /// (Stage::kLaunch): it makes no sense.
    Result<> take(const LinkMessage& message);
    /// Nobody listens any more: closes what is not connected, and what comes. Calls `done`, once,
    /// when all have been told what the sockets have said, or after `patience`.
    void finish(std::chrono::milliseconds patience, std::function<void()> done);

  private:
    Result<> open(std::uint64_t id, const std::string& path);
    void connect_all();

    asio::io_context& loop_;
    LinkTable table_;
    asio::steady_timer retry_;
    std::map<std::uint64_t, std::string> unconnected_;  // paths
    bool finished_ = false;
};

}  // namespace rvmm::vmm::lab
