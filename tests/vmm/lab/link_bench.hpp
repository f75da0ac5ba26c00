// Both ends of a lab's links on one loop, with clients outside, a server's socket inside, and the
// protocol's own text between them.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include <asio/io_context.hpp>

#include "vmm/control/control_bench.hpp"
#include "vmm/lab/inner_links.hpp"
#include "vmm/lab/outer_links.hpp"

namespace rvmm::vmm::lab {

class LinkBench {
  public:
    LinkBench();
    ~LinkBench();
    LinkBench(const LinkBench&) = delete;

    /// The socket inside is there from now on.
    void listen();
    /// A client of it, outside.
    RawClient connect();
    /// Who came to the socket inside; nothing if nobody did.
    std::optional<RawClient> accept();
    /// A client and the server's side of it.
    struct Pair {
        RawClient client;
        RawClient server;
    };
    Pair connected();

    /// Runs the loop and passes on what the ends say until nothing is left.
    void turn();
    /// The same for a while, so that timers are served.
    void wait(std::chrono::milliseconds time);
    /// What one end has said and the other has not heard: bytes of data.
    std::size_t in_flight() const { return data_in(to_inner_) + data_in(to_outer_); }
    /// Says something to the outer end as the agent would.
    Result<> agent_says(LinkMessage message) { return outer_.take(message); }

    asio::io_context& loop() { return loop_; }
    OuterLinks& outer() { return outer_; }
    InnerLinks& inner() { return inner_; }
    const std::string& path() const { return path_; }
    /// What the ends say stays where it is.
    bool holds = false;

  private:
    static std::size_t data_in(const std::deque<LinkMessage>& messages);
    bool deliver();

    asio::io_context loop_{1};
    std::string path_;
    UniqueFd listener_;
    std::deque<LinkMessage> to_inner_;
    std::deque<LinkMessage> to_outer_;
    OuterLinks outer_;
    InnerLinks inner_;
};

}  // namespace rvmm::vmm::lab
