// The other end of a network backend: a socket that a test reads and writes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <sys/socket.h>

#include "base/unique_fd.hpp"

namespace rvmm::devices {

/// `frame` as it goes over a stream.
inline std::string framed(std::string_view frame) {
    const std::uint32_t length = htonl(static_cast<std::uint32_t>(frame.size()));
    return std::string(reinterpret_cast<const char*>(&length), 4).append(frame);
}

class NetPeer {
  public:
    /// SOCK_STREAM, or SOCK_SEQPACKET for what a tap does.
    explicit NetPeer(int type) {
        std::array<int, 2> fds = {-1, -1};
        if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds.data()) != 0) return;
        ours_.reset(fds[0]);
        other_.reset(fds[1]);
    }
    UniqueFd take_other() { return std::move(other_); }

    /// Nothing here waits.
    std::size_t send_some(std::string_view bytes) {
        const ssize_t n = ::send(ours_.get(), bytes.data(), bytes.size(), kFlags);
        return n < 0 ? 0 : static_cast<std::size_t>(n);
    }
    bool send(std::string_view bytes) { return send_some(bytes) == bytes.size(); }
    /// What there is, as far as `limit`; of packets, the next one.
    std::string receive(std::size_t limit = 70'000) {
        std::string bytes(limit, '\0');
        const ssize_t n = ::recv(ours_.get(), bytes.data(), limit, kFlags);
        bytes.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
        return bytes;
    }
    bool ended() {
        char byte = 0;
        return ::recv(ours_.get(), &byte, 1, kFlags) == 0;
    }
    void close() { ours_.reset(); }

  private:
    static constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
    UniqueFd ours_;
    UniqueFd other_;
};

}  // namespace rvmm::devices
