// A control server on a loop of its own, and clients that speak to it by hand.
#pragma once

#include <string>
#include <vector>

#include <asio/io_context.hpp>
#include <nlohmann/json.hpp>

#include "base/unique_fd.hpp"
#include "vmm/control/control_server.hpp"
#include "vmm/control/fake_target.hpp"

namespace rvmm::vmm {

/// A client's end of a socket pair, or of a connection.
class RawClient {
  public:
    explicit RawClient(UniqueFd fd) : fd_(std::move(fd)) {}
    /// Sends as much as the socket takes, and returns how much that was; -1: nobody reads there.
    long send(std::string_view text);
    void half_close();
    /// Reads what there is.
    void receive();
    /// Everything read so far, and cut off. Each line must end as QMP has it.
    std::vector<std::string> take_lines();
    /// Everything read so far, whatever it is, and cut off.
    std::string take_text();
    bool closed() const { return closed_; }
    int fd() const { return fd_.get(); }
    void close() { fd_.reset(); }

  private:
    UniqueFd fd_;
    std::string received_;
    bool closed_ = false;
};

class ControlBench {
  public:
    ControlBench() : server_(loop_, target, "web") {}
    RawClient connect();
    /// One that has read the greeting and negotiated.
    RawClient negotiated();
    /// Runs the loop until nothing is ready.
    void turn();
    /// Sends, and returns the lines that come back.
    std::vector<std::string> ask(RawClient& client, std::string_view text);
    /// As ask() for one line; timestamps are replaced by T.
    std::string say(RawClient& client, std::string_view text);

    asio::io_context& loop() { return loop_; }
    ControlServer& server() { return server_; }
    FakeTarget target;

  private:
    asio::io_context loop_{1};
    ControlServer server_;
};

/// The line with its time taken out, if it is an event of now.
std::string without_time(const std::string& line);

}  // namespace rvmm::vmm
