#include "vmm/lab/link_bench.hpp"

#include <array>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/control/run_names.hpp"
#include "vmm/lab/protocol.hpp"

namespace rvmm::vmm::lab {

LinkBench::LinkBench()
    : path_(::testing::TempDir() + "rvmm-links-" + std::to_string(::getpid())),
      outer_(loop_, [this](LinkMessage message) { to_inner_.push_back(std::move(message)); }),
      inner_(loop_, [this](LinkMessage message) { to_outer_.push_back(std::move(message)); }) {}

LinkBench::~LinkBench() {
    if (listener_) ::unlink(path_.c_str());
}

void LinkBench::listen() {
    auto socket = listen_at(path_);
    ASSERT_TRUE(socket) << socket.error().message();
    listener_ = *std::move(socket);
}

RawClient LinkBench::connect() {
    std::array<int, 2> fds = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
    outer_.add_client(Link::Socket(loop_, asio::local::stream_protocol(), fds[1]), path_);
    return RawClient(UniqueFd(fds[0]));
}

std::optional<RawClient> LinkBench::accept() {
    UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd) return std::nullopt;
    return RawClient(std::move(fd));
}

LinkBench::Pair LinkBench::connected() {
    RawClient client = connect();
    turn();
    auto server = accept();
    EXPECT_TRUE(server);
    return {std::move(client), *std::move(server)};
}

std::size_t LinkBench::data_in(const std::deque<LinkMessage>& messages) {
    std::size_t size = 0;
    for (const LinkMessage& message : messages)
        if (const auto* data = std::get_if<LinkData>(&message.what)) size += data->bytes.size();
    return size;
}

bool LinkBench::deliver() {
    if (holds || (to_inner_.empty() && to_outer_.empty())) return false;
    for (; !to_inner_.empty(); to_inner_.pop_front()) {
        const auto line = encode(HostMessage(to_inner_.front()));
        EXPECT_TRUE(line);
        const auto message =
            parse_host_message(std::string_view(*line).substr(0, line->size() - 1));
        EXPECT_TRUE(message) << *line;
        EXPECT_TRUE(inner_.take(std::get<LinkMessage>(*message))) << *line;
    }
    AgentMessageReader reader;
    for (; !to_outer_.empty(); to_outer_.pop_front()) {
        const std::string line = encode(AgentMessage(to_outer_.front()));
        reader.push(as_bytes(line));
        const auto message = reader.next();
        EXPECT_TRUE(message && *message) << line;
        EXPECT_TRUE(outer_.take(std::get<LinkMessage>(**message))) << line;
    }
    return true;
}

void LinkBench::turn() {
    do {
        loop_.restart();
        while (loop_.poll() > 0) {
        }
    } while (deliver());
}

void LinkBench::wait(std::chrono::milliseconds time) {
    const auto deadline = std::chrono::steady_clock::now() + time;
    do {
        turn();
        loop_.restart();
        loop_.run_one_until(deadline);
    } while (std::chrono::steady_clock::now() < deadline);
    turn();
}

}  // namespace rvmm::vmm::lab
