// Joins sockets that listen outside a lab to sockets inside it: rvmm's own end.
#pragma once

#include <string>

#include "base/unique_fd.hpp"
#include "vmm/control/socket_acceptor.hpp"
#include "vmm/lab/lab.hpp"
#include "vmm/lab/link_table.hpp"

namespace rvmm::vmm::lab {

/// On the loop, which outlives it. Nothing that a client does makes it wait. What the agent says is
/// not taken on trust.
class OuterLinks {
  public:
    /// `send` passes a message to the agent.
    OuterLinks(asio::io_context& loop, Link::Send send);
    OuterLinks(const OuterLinks&) = delete;
    OuterLinks& operator=(const OuterLinks&) = delete;

    /// Takes clients of `socket` from now on; of all sockets kMaxLinks at once, further ones are
    /// closed as they come. Errors: Stage::kLaunch.
    Result<> join(const LabSocket& socket);
    /// Takes a connected Unix stream socket as a client of the socket at `inside`.
    void add_client(Link::Socket socket, const std::string& inside);
    /// What the agent says. Errors (Stage::kLaunch): it makes no sense.
    Result<> take(const LinkMessage& message) { return table_.take(message); }
    /// The agent has closed all, or has no say any more: takes no more clients, and calls `done`,
    /// once, when they have read what there is for them, or after `patience`.
    void finish(std::chrono::milliseconds patience, std::function<void()> done);
    std::size_t clients() const { return table_.size(); }

  private:
    Result<> watch_for_answer(const LabSocket& socket);

    asio::io_context& loop_;
    Link::Send send_;
    LinkTable table_;
    std::uint64_t next_id_ = 1;
    std::vector<std::unique_ptr<SocketAcceptor>> acceptors_;
};

}  // namespace rvmm::vmm::lab
