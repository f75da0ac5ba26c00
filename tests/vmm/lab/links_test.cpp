// Sockets outside joined to sockets inside, with clients, servers and agents that behave badly.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "vmm/control/run_names.hpp"
#include "vmm/lab/link_bench.hpp"

namespace rvmm::vmm::lab {
namespace {

using namespace std::chrono_literals;

/// All values of a byte, in an order that differs from place to place.
std::string any_bytes(std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 7 + i / 256);
    return bytes;
}

/// Sends all of `text` as far as `bench` takes it on, and returns what `to` got meanwhile.
std::string pump(LinkBench& bench, RawClient& from, std::string_view text, RawClient& to) {
    const std::size_t wanted = text.size();
    std::string got;
    for (int idle = 0; idle < 2 && got.size() < wanted;) {
        const long sent = from.send(text);
        if (sent > 0) text.remove_prefix(static_cast<std::size_t>(sent));
        bench.turn();
        const std::string part = to.take_text();
        idle = part.empty() && sent <= 0 ? idle + 1 : 0;
        got += part;
    }
    return got;
}

/// Sends `piece` again and again until nobody takes more; how much that was.
std::size_t fill(LinkBench& bench, RawClient& from) {
    const std::string piece(4096, 'x');
    std::size_t size = 0;
    for (long sent = 1; sent > 0 && size < (2U << 20); bench.turn()) {
        sent = from.send(piece);
        if (sent > 0) size += static_cast<std::size_t>(sent);
    }
    return size;
}

class LinksTest : public ::testing::Test {
  protected:
    LinksTest() { bench.listen(); }
    LinkBench bench;
};

TEST_F(LinksTest, AnyBytes_ArriveBothWays) {
    auto [client, server] = bench.connected();
    const std::string bytes = any_bytes(300'000);
    EXPECT_TRUE(pump(bench, client, bytes, server) == bytes);
    EXPECT_TRUE(pump(bench, server, bytes, client) == bytes);
    EXPECT_FALSE(client.closed() || server.closed());
}

TEST_F(LinksTest, PeerThatDoesNotRead_HoldsAWindowAndNoOneElse) {
    auto [client, server] = bench.connected();
    auto [other, other_server] = bench.connected();
    bench.holds = true;
    fill(bench, client);
    fill(bench, server);
    EXPECT_EQ(bench.in_flight(), 2 * kLinkWindow);
    bench.holds = false;
    const std::size_t more = fill(bench, client);
    EXPECT_LT(more, 1U << 20);
    EXPECT_LT(fill(bench, server), 1U << 20);
    EXPECT_EQ(bench.in_flight(), 0U);
    EXPECT_EQ(pump(bench, other, "hello", other_server), "hello");
    EXPECT_EQ(pump(bench, other_server, "welcome", other), "welcome");
}

TEST_F(LinksTest, SlowReader_GetsAllInTheEnd) {
    auto [client, server] = bench.connected();
    const std::size_t sent = fill(bench, server);
    ASSERT_GT(sent, kLinkWindow);
    std::string got;
    for (std::string part = "x"; !part.empty(); bench.turn()) got += part = client.take_text();
    EXPECT_EQ(got, std::string(sent, 'x'));
}

TEST_F(LinksTest, HalfCloseOfAClient_LeavesTheOtherWayOpen) {
    auto [client, server] = bench.connected();
    client.send("request");
    client.half_close();
    bench.turn();
    EXPECT_EQ(server.take_text(), "request");
    EXPECT_TRUE(server.closed());  // as reading shows it
    const std::string answer = any_bytes(100'000);
    EXPECT_TRUE(pump(bench, server, answer, client) == answer);
    EXPECT_FALSE(client.closed());
    server.close();
    bench.turn();
    EXPECT_EQ(client.take_text(), "");
    EXPECT_TRUE(client.closed());
    EXPECT_EQ(bench.outer().clients(), 0U);
}

TEST_F(LinksTest, HalfCloseOfAServer_LeavesTheOtherWayOpen) {
    auto [client, server] = bench.connected();
    server.half_close();
    bench.turn();
    EXPECT_EQ(client.take_text(), "");
    EXPECT_TRUE(client.closed());
    EXPECT_EQ(pump(bench, client, "still", server), "still");
    client.half_close();
    bench.turn();
    EXPECT_EQ(bench.outer().clients(), 0U);
}

TEST_F(LinksTest, ServerThatCloses_IsHeardOutAndItsClientFreed) {
    auto [client, server] = bench.connected();
    const std::string words = any_bytes(3 * kLinkWindow);
    ASSERT_EQ(server.send(words), static_cast<long>(words.size()));
    client.send("not read by the server");
    bench.turn();
    server.close();
    std::string got;
    for (int i = 0; i < 20 && !client.closed(); ++i) {
        bench.turn();
        got += client.take_text();
    }
    EXPECT_TRUE(got == words);
    EXPECT_TRUE(client.closed());
    EXPECT_EQ(client.send("more"), -1);
    EXPECT_EQ(bench.outer().clients(), 0U);
}

TEST_F(LinksTest, ServerThatDropsAClientThatDoesNotRead_TakesNoMoreOfIt) {
    auto [client, server] = bench.connected();
    fill(bench, server);
    client.send("not read by the server");
    bench.turn();
    server.close();
    EXPECT_LT(fill(bench, client), 1U << 20);
    bench.wait(5100ms);  // the last bytes have their time at the inner end
    client.send("x");
    while (!client.take_text().empty()) bench.turn();
    EXPECT_TRUE(client.closed());
    EXPECT_EQ(bench.outer().clients(), 0U);
}

TEST_F(LinksTest, ClientThatClosesAtOnce_IsHeardOut) {
    auto [client, server] = bench.connected();
    server.send("greeting");  // which the client does not read
    client.send("quit");
    client.close();
    bench.turn();
    EXPECT_EQ(server.take_text(), "quit");
    EXPECT_TRUE(server.closed());
    EXPECT_EQ(bench.outer().clients(), 0U);
}

TEST_F(LinksTest, TooManyClients_AreClosedAsTheyCome) {
    std::vector<LinkBench::Pair> pairs;
    for (std::size_t i = 0; i < kMaxLinks; ++i) pairs.push_back(bench.connected());
    for (int i = 0; i < 10; ++i) {
        RawClient further = bench.connect();
        bench.turn();
        further.receive();
        EXPECT_TRUE(further.closed());
    }
    EXPECT_EQ(pump(bench, pairs.back().client, "hello", pairs.back().server), "hello");
    pairs.front().client.close();
    bench.turn();
    auto [client, server] = bench.connected();
    EXPECT_EQ(pump(bench, client, "room again", server), "room again");
}

TEST_F(LinksTest, ThousandClients_LeaveNothing) {
    for (int i = 0; i < 1000; ++i) {
        auto [client, server] = bench.connected();
        if (i % 2 == 0) server.send("greeting");
        if (i % 3 == 0) client.send("{");
        if (i % 5 == 0) server.close();
        client.close();
        bench.turn();
    }
    EXPECT_EQ(bench.outer().clients(), 0U);
}

TEST(EarlyLinks, ClientsWaitUntilTheSocketListens) {
    LinkBench bench;
    RawClient client = bench.connect();
    client.send("early");
    client.half_close();
    RawClient gone = bench.connect();
    gone.close();
    bench.wait(100ms);
    EXPECT_EQ(client.take_text(), "");
    EXPECT_FALSE(client.closed());
    EXPECT_EQ(bench.outer().clients(), 1U);
    bench.listen();
    bench.wait(100ms);
    auto server = bench.accept();
    ASSERT_TRUE(server);
    EXPECT_EQ(server->take_text(), "early");
    EXPECT_EQ(pump(bench, *server, "answer", client), "answer");
    EXPECT_FALSE(bench.accept());
}

TEST(EarlyLinks, FirstWordOfTheServer_IsNoticed) {
    LinkBench bench;
    const std::string outside = bench.path() + "-outside";
    auto listener = listen_at(outside);
    ASSERT_TRUE(listener);
    int answers = 0;
    ASSERT_TRUE(bench.outer().join({listener->get(), bench.path(), [&] { ++answers; }}));
    bench.wait(60ms);
    bench.listen();
    bench.wait(100ms);
    auto server = bench.accept();
    ASSERT_TRUE(server);
    EXPECT_EQ(answers, 0);
    server->send("greeting");
    bench.turn();
    EXPECT_EQ(answers, 1);
    server->receive();
    EXPECT_TRUE(server->closed());
    EXPECT_EQ(bench.outer().clients(), 0U);
    // The socket outside has its clients, too.
    Link::Socket client(bench.loop());
    client.connect(outside);
    bench.turn();
    EXPECT_TRUE(bench.accept());
    ::unlink(outside.c_str());
}

TEST_F(LinksTest, End_LetsTheLastWordsThrough) {
    auto [client, server] = bench.connected();
    server.send("SHUTDOWN");
    server.close();
    bool inner_done = false;
    bool outer_done = false;
    bench.inner().finish(1s, [&] { inner_done = true; });
    bench.turn();
    EXPECT_TRUE(inner_done);
    EXPECT_EQ(client.take_text(), "SHUTDOWN");
    EXPECT_TRUE(client.closed());
    RawClient late = bench.connect();
    bench.turn();
    late.receive();
    EXPECT_TRUE(late.closed());
    bench.outer().finish(1s, [&] { outer_done = true; });
    EXPECT_TRUE(outer_done);
}

TEST_F(LinksTest, EndWithAClientThatDoesNotRead_IsThereInTime) {
    auto [client, server] = bench.connected();
    fill(bench, server);
    server.close();
    int inner_done = 0;
    int outer_done = 0;
    bench.inner().finish(50ms, [&] { ++inner_done; });
    bench.turn();
    EXPECT_EQ(inner_done, 0);
    bench.wait(100ms);
    EXPECT_EQ(inner_done, 1);
    bench.outer().finish(50ms, [&] { ++outer_done; });
    bench.turn();
    EXPECT_EQ(outer_done, 0);
    bench.wait(100ms);
    EXPECT_EQ(outer_done, 1);
}

TEST(EarlyLinks, EndBeforeTheSocketListens_ClosesTheClient) {
    LinkBench bench;
    RawClient client = bench.connect();
    bench.turn();
    bool done = false;
    bench.inner().finish(1s, [&] { done = true; });
    bench.turn();
    EXPECT_TRUE(done);
    client.receive();
    EXPECT_TRUE(client.closed());
}

/// Whether the outer end accepts `what` of an agent that says it of its first link.
class AgentNonsense : public LinksTest {
  protected:
    AgentNonsense() {
        bench.holds = true;
        client.emplace(bench.connect());
        bench.turn();
    }
    bool accepts(decltype(LinkMessage::what) what, std::uint64_t id = 1) {
        const auto taken = bench.agent_says({id, std::move(what)});
        bench.turn();
        EXPECT_TRUE(taken || taken.error().stage() == Stage::kLaunch);
        return taken.has_value();
    }
    std::optional<RawClient> client;
};

TEST_F(AgentNonsense, LinkThatIsNotThere_IsRefused) {
    EXPECT_FALSE(accepts(LinkData{"x"}, 2));
    EXPECT_FALSE(accepts(LinkClose{}, 0));
    EXPECT_FALSE(accepts(LinkOpen{"/x"}, 7));
    EXPECT_FALSE(accepts(LinkOpen{"/x"}, 1));
}

TEST_F(AgentNonsense, MoreThanTheWindow_IsRefused) {
    // As much as the client's socket takes, and a window.
    std::size_t sent = 0;
    while (accepts(LinkData{std::string(4096, 'x')})) sent += 4096;
    EXPECT_GE(sent, kLinkWindow);
    EXPECT_LT(sent, 1U << 20);
}

TEST_F(AgentNonsense, MoreTakenThanSent_IsRefused) {
    EXPECT_FALSE(accepts(LinkTaken{1}));
    client->send("abc");
    bench.turn();
    EXPECT_TRUE(accepts(LinkTaken{3}));
    EXPECT_FALSE(accepts(LinkTaken{1}));
}

TEST_F(AgentNonsense, WordsAfterTheEnd_AreRefused) {
    EXPECT_TRUE(accepts(LinkEnd{}));
    EXPECT_FALSE(accepts(LinkData{"x"}));
    EXPECT_FALSE(accepts(LinkEnd{}));
    EXPECT_TRUE(accepts(LinkClose{}));
    EXPECT_FALSE(accepts(LinkClose{}));
    EXPECT_EQ(bench.outer().clients(), 0U);
}

TEST_F(AgentNonsense, CloseWhileTheClientReadsNothing_TakesNoMoreWords) {
    while (accepts(LinkData{std::string(4096, 'x')})) {
    }
    EXPECT_TRUE(accepts(LinkClose{}));
    EXPECT_FALSE(accepts(LinkClose{}));
    EXPECT_FALSE(accepts(LinkTaken{1}));
    EXPECT_FALSE(accepts(LinkData{"x"}));
}

}  // namespace
}  // namespace rvmm::vmm::lab
