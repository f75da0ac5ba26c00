// One connection between a socket outside a lab and one inside, at either of its ends: passes on
// what its own socket says, and hands its socket what the other end says, a window at a time.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/steady_timer.hpp>

#include "base/error.hpp"
#include "vmm/lab/link_message.hpp"

namespace rvmm::vmm::lab {

/// On the loop. Lives as long as someone holds it or its socket is busy. Holds at most a window of
/// each direction, however slow its socket or the other end is.
class Link : public std::enable_shared_from_this<Link> {
  public:
    using Socket = asio::local::stream_protocol::socket;
    using Send = std::function<void(LinkMessage)>;

    /// `send` takes what the other end is to know. `gone` is called once, when both ends have
    /// closed.
    Link(asio::io_context& loop, std::uint64_t id, Send send, std::function<void()> gone);

    /// The connected socket is there. Once; until then data of the other end waits.
    void start(Socket socket);
    /// Closes now.
    void close();

    /// What the other end says. Errors (Stage::kLaunch): it breaks the protocol.
    Result<> take(const LinkOpen& open);
    Result<> take(const LinkData& data);
    Result<> take(const LinkTaken& taken);
    Result<> take(const LinkEnd& end);
    Result<> take(const LinkClose& close);

  private:
    void close_later();
    void tell(decltype(LinkMessage::what) what);
    void read();
    void on_input_end();
    void write();
    void on_written(std::size_t size);
    void on_unread();
    void on_flushed();

    const std::uint64_t id_;
    Send send_;
    std::function<void()> gone_;
    Socket socket_;
    asio::steady_timer patience_;
    std::array<char, kLinkWindow> buffer_;
    std::size_t credit_ = kLinkWindow;  // bytes that the other end has room for
    bool reading_ = false;
    bool input_ended_ = false;

    std::string writing_;
    std::string waiting_;     // to be written after that
    std::size_t untold_ = 0;  // bytes received that the other end does not know to be taken
    bool shut_ = false;       // our socket knows that no more comes
    bool unread_ = false;     // our socket takes no more

    bool started_ = false;
    bool closed_ = false;  // and said so
    bool other_ended_ = false;
    bool other_closed_ = false;
};

}  // namespace rvmm::vmm::lab
