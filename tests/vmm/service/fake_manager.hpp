// A service manager: the socket that services send datagrams to.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/unique_fd.hpp"

namespace rvmm::vmm {

class FakeManager {
  public:
    /// `name` as NOTIFY_SOCKET has it.
    explicit FakeManager(std::string name) : name_(std::move(name)) {
        sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
        std::ranges::copy(name_, address.sun_path);
        if (is_abstract()) address.sun_path[0] = '\0';
        const auto size = offsetof(sockaddr_un, sun_path) + name_.size() + (is_abstract() ? 0 : 1);
        fd_ = UniqueFd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address),
                         static_cast<socklen_t>(size)),
                  0);
    }
    ~FakeManager() {
        if (!is_abstract()) ::unlink(name_.c_str());
    }
    FakeManager(const FakeManager&) = delete;
    FakeManager& operator=(const FakeManager&) = delete;

    /// The next datagram; empty if none comes within `patience_ms`.
    std::string next(int patience_ms) const {
        pollfd ready = {.fd = fd_.get(), .events = POLLIN, .revents = 0};
        if (::poll(&ready, 1, patience_ms) != 1) return {};
        std::array<char, 4096> buffer = {};
        const ssize_t size = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
        return {buffer.data(), size < 0 ? 0 : static_cast<std::size_t>(size)};
    }
    /// What has come.
    std::vector<std::string> all() const {
        std::vector<std::string> messages;
        for (std::string message = next(0); !message.empty(); message = next(0))
            messages.push_back(std::move(message));
        return messages;
    }
    const std::string& name() const { return name_; }

  private:
    bool is_abstract() const { return name_.starts_with('@'); }

    std::string name_;
    UniqueFd fd_;
};

}  // namespace rvmm::vmm
