// Frames over a stream socket: cut anywhere, too long, and a peer that is slow or gone.
#include "devices/net/stream_backend.hpp"

#include <array>
#include <functional>

#include <asio/io_context.hpp>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "devices/net/peer.hpp"

namespace rvmm::devices {
namespace {

class StreamUser final : public NetBackend::User {
  public:
    void receivable() override { ++receivables; }
    void sendable() override { ++sendables; }
    void link_down(const Error& error) override { downs.push_back(error.message()); }
    int receivables = 0;
    int sendables = 0;
    std::vector<std::string> downs;
};

class NetStreamBackend : public ::testing::Test {
  protected:
    NetStreamBackend() : peer(SOCK_STREAM) {
        backend = *StreamBackend::create(loop, peer.take_other());
        backend->set_user(&user);
    }
    void settle() {
        loop.restart();
        while (loop.poll() > 0) {
        }
    }
    std::optional<std::string> receive(std::size_t limit = NetBackend::kMaxFrame) {
        Bytes room(limit);
        const iovec piece = {room.data(), room.size()};
        const auto size = backend->receive(std::span(&piece, 1));
        if (!size) return std::nullopt;
        return std::string(reinterpret_cast<const char*>(room.data()), *size);
    }
    NetBackend::Sent send(std::string_view first, std::string_view second = {}) {
        const std::array<iovec, 2> pieces = {{{const_cast<char*>(first.data()), first.size()},
                                              {const_cast<char*>(second.data()), second.size()}}};
        return backend->send(pieces);
    }

    asio::io_context loop{1};
    NetPeer peer;
    StreamUser user;
    std::unique_ptr<StreamBackend> backend;
};

TEST_F(NetStreamBackend, Frames_ComeOutWholeHoweverTheyAreCut) {
    const std::string both = framed("a frame") + framed(std::string(1000, 'x'));
    backend->await_receivable();
    for (std::size_t i = 0; i < both.size(); ++i) {
        EXPECT_FALSE(receive());
        peer.send(both.substr(i, 1));
        if (i == 10) {
            EXPECT_EQ(receive(), "a frame");
        }
    }
    settle();
    EXPECT_EQ(user.receivables, 1) << "who waits is told once";
    EXPECT_EQ(receive(), std::string(1000, 'x'));
    EXPECT_FALSE(receive());
}

TEST_F(NetStreamBackend, ManyFramesAtOnce_AreToldWithoutTheSocket) {
    peer.send(framed("one") + framed("two") + framed("") + framed("four"));
    EXPECT_EQ(receive(), "one");
    EXPECT_EQ(backend->next_size(), 3u);
    backend->await_receivable();
    EXPECT_EQ(user.receivables, 0) << "in a turn of its own";
    settle();
    EXPECT_EQ(user.receivables, 1);
    EXPECT_EQ(receive(2), "tw") << "cut to the room";
    EXPECT_EQ(receive(), "");
    EXPECT_EQ(receive(), "four");
}

TEST_F(NetStreamBackend, Send_PutsTheLengthFirst) {
    EXPECT_EQ(send("hello ", "world"), NetBackend::Sent::kDone);
    EXPECT_EQ(peer.receive(100), framed("hello world"));
}

TEST_F(NetStreamBackend, FullSocket_TakesNothingOrAllAndKeepsTheOrder) {
    std::string expected;
    const std::string frame(50'000, 'f');
    char mark = 'a';
    while (send(std::string(1, mark), frame) == NetBackend::Sent::kDone)
        expected += framed(std::string(1, mark++) + frame);
    backend->await_sendable();
    settle();
    EXPECT_EQ(user.sendables, 0);
    std::string got;
    while (got.size() < expected.size()) {
        const std::string part = peer.receive(expected.size() - got.size());
        got += part;
        settle();  // what is left of a frame follows by itself
        ASSERT_FALSE(part.empty());
    }
    EXPECT_EQ(got, expected);
    EXPECT_EQ(user.sendables, 1);
    EXPECT_EQ(send("after"), NetBackend::Sent::kDone);
    EXPECT_EQ(peer.receive(100), framed("after"));
}

TEST_F(NetStreamBackend, FrameThatIsTooLong_EndsTheConnection) {
    peer.send(framed("good") + std::string("\x00\x01\x00\x41", 4));
    EXPECT_EQ(receive(), "good");
    EXPECT_FALSE(receive());
    EXPECT_FALSE(backend->link_up());
    EXPECT_EQ(user.downs,
              (std::vector<std::string>{"the network's peer sent a frame of 65601 bytes"}));
    EXPECT_EQ(send("x"), NetBackend::Sent::kDropped);
    EXPECT_TRUE(peer.ended());
}

TEST_F(NetStreamBackend, LongestFrame_Fits) {
    const std::string frame(NetBackend::kMaxFrame, 'm');
    std::string bytes = framed(frame);
    std::optional<std::string> got;
    for (int i = 0; i < 1000 && !got; ++i) {
        bytes.erase(0, peer.send_some(bytes));
        got = receive();
    }
    EXPECT_EQ(got, frame);
    EXPECT_EQ(send(frame), NetBackend::Sent::kDone);
}

TEST_F(NetStreamBackend, PeerThatGoes_IsToldOnce) {
    peer.send(framed("last"));
    peer.close();
    backend->await_receivable();
    settle();
    EXPECT_EQ(user.receivables, 1);
    EXPECT_EQ(receive(), "last");
    EXPECT_FALSE(receive());
    EXPECT_FALSE(receive());
    EXPECT_EQ(user.downs.size(), 1u);
    backend->await_receivable();
    backend->await_sendable();
    settle();
    EXPECT_EQ(user.receivables, 1);
}

TEST_F(NetStreamBackend, PeerThatGoesWhileWeSend_IsADownLinkAndNoSignal) {
    peer.close();
    EXPECT_EQ(send("x"), NetBackend::Sent::kDropped);
    EXPECT_EQ(user.downs.size(), 1u);
}

TEST_F(NetStreamBackend, EndsWhileItIsWaitedFor) {
    backend->await_receivable();
    backend->await_sendable();
    backend.reset();
    settle();
    EXPECT_EQ(user.receivables + user.sendables, 0);
}

}  // namespace
}  // namespace rvmm::devices
