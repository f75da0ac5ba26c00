// One client of the control socket, however it behaves: what it sends is read in small pieces, one
// request a turn of the loop, and what it does not read is bounded.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <asio/local/stream_protocol.hpp>
#include <asio/steady_timer.hpp>

#include "vmm/control/json_stream.hpp"
#include "vmm/control/qmp_commands.hpp"

namespace rvmm::vmm {

/// On the loop. Lives as long as someone holds it or its socket is busy.
class ControlConnection : public std::enable_shared_from_this<ControlConnection> {
  public:
    using Socket = asio::local::stream_protocol::socket;
    /// Bytes of answers and events that a client has not read: beyond that it is dropped.
    static constexpr std::size_t kMaxUnread = 256 << 10;

    /// `gone` is called once, when the socket has been closed.
    ControlConnection(Socket socket, QmpCommands commands, std::function<void()> gone);

    /// Greets and begins to read. Once.
    void start();
    /// Tells an event, if the client has negotiated.
    void tell(const std::string& event);
    /// Closes when all is written, or after a while. Reads no more.
    void finish();
    /// Closes now.
    void drop();

  private:
    void read();
    void go_on();
    void take_one();
    void answer(JsonStream::Item item);
    void send(std::string_view text);
    void write();
    void close_if_done();

    Socket socket_;
    QmpCommands commands_;
    std::function<void()> gone_;
    asio::steady_timer patience_;
    JsonStream stream_;
    std::array<char, 4096> buffer_;
    std::string_view read_;  // of buffer_, and not looked at
    std::string writing_;
    std::string waiting_;  // to be written after that
    bool busy_ = false;    // a command has not been answered
    bool input_ended_ = false;
    bool closed_ = false;
};

}  // namespace rvmm::vmm
