// Clients that behave badly: the others, the loop and memory do not notice.
#include "vmm/control/control_server.hpp"

#include <atomic>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "vmm/control/control_bench.hpp"
#include "vmm/control/control_client.hpp"
#include "vmm/control/qmp_text.hpp"
#include "vmm/control/run_list.hpp"
#include "vmm/control/run_names.hpp"

namespace rvmm::vmm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ControlServerTest : public ::testing::Test {
  protected:
    ControlServerTest()
        : path_(::testing::TempDir() + "rvmm-control-" + std::to_string(::getpid())) {}
    ~ControlServerTest() override { ::unlink(path_.c_str()); }

    void listen() {
        auto socket = listen_at(path_);
        ASSERT_TRUE(socket) << socket.error().message();
        ASSERT_TRUE(bench.server().listen(*std::move(socket)));
    }
    RawClient dial() {
        UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
        path_.copy(address.sun_path, sizeof address.sun_path - 1);
        EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
                  0);
        return RawClient(std::move(fd));
    }
    bool works(RawClient& client) {
        return bench.say(client, R"({"execute":"query-name"})") == R"({"return":{"name":"web"}})";
    }

    std::string path_;
    ControlBench bench;
};

TEST_F(ControlServerTest, EndlessInput_IsAnErrorAndTheEnd) {
    RawClient good = bench.negotiated();
    for (const std::string_view begin : {"{\"execute\":\"", "{\"a\":", "{"}) {
        RawClient client = bench.negotiated();
        client.send(begin);
        const std::string piece(64 << 10, ' ');
        const std::string text(64 << 10, 'x');
        std::size_t sent = 0;
        long n = 0;
        while (sent < (100U << 20) && n >= 0) {
            n = client.send(begin == "{" ? piece : text);
            if (n > 0) sent += static_cast<std::size_t>(n);
            bench.turn();
        }
        EXPECT_LT(sent, 2U << 20) << "it was read on and on";
        EXPECT_THAT(client.take_lines(), ElementsAre(HasSubstr("at most 65536 bytes")));
        EXPECT_TRUE(client.closed());
        EXPECT_TRUE(works(good));
    }
    EXPECT_EQ(bench.server().clients(), 1u);
}

TEST_F(ControlServerTest, EndlessNonsense_HoldsNoMemory) {
    RawClient client = bench.negotiated();
    const auto resident = [] {
        std::ifstream file("/proc/self/statm");
        std::size_t all = 0, pages = 0;
        file >> all >> pages;
        return pages * 4096;
    };
    const std::string nonsense(64 << 10, 'x');
    const std::size_t before = resident();
    for (std::size_t sent = 0; sent < (40U << 20);) {
        const long n = client.send(nonsense);
        ASSERT_GE(n, 0);
        sent += static_cast<std::size_t>(n);
        bench.turn();
    }
    EXPECT_LT(resident(), before + (16U << 20));
    EXPECT_EQ(client.take_lines().size(), 1u) << "one answer for one line";
    EXPECT_EQ(bench.ask(client, "\n{\"execute\":\"query-name\"}").size(), 1u);
}

TEST_F(ControlServerTest, HalfClosed_IsAnsweredAndThenClosed) {
    RawClient client = bench.connect();
    client.send(R"({"execute":"qmp_capabilities"}{"execute":"query-name"}{"execute":"stop")");
    client.half_close();
    bench.turn();
    EXPECT_THAT(client.take_lines(),
                ElementsAre(HasSubstr("QMP"), R"({"return":{}})", R"({"return":{"name":"web"}})"));
    EXPECT_TRUE(client.closed());
    EXPECT_EQ(bench.server().clients(), 0u);
    EXPECT_EQ(bench.target.state_, RunState::kRunning) << "half a command is none";
}

TEST_F(ControlServerTest, HalfClosedWhileAStopIsUnderWay_IsAnsweredToo) {
    bench.target.late = true;
    RawClient client = bench.negotiated();
    client.send(R"({"execute":"stop"})");
    client.half_close();
    bench.turn();
    EXPECT_THAT(client.take_lines(), ElementsAre());
    EXPECT_FALSE(client.closed());
    bench.target.hold();
    bench.turn();
    EXPECT_THAT(client.take_lines(), ElementsAre(HasSubstr("STOP"), R"({"return":{}})"));
    EXPECT_TRUE(client.closed());
}

TEST_F(ControlServerTest, ClientThatReadsNoEvents_IsDropped) {
    RawClient good = bench.negotiated();
    RawClient deaf = bench.negotiated();
    for (int i = 0; i < 20'000 && bench.server().clients() == 2; ++i) {
        bench.server().tell("POWERDOWN", {});
        bench.turn();
        good.take_lines();
    }
    EXPECT_EQ(bench.server().clients(), 1u);
    EXPECT_TRUE(works(good));
}

TEST_F(ControlServerTest, ClientThatReadsNoAnswers_IsDropped) {
    RawClient good = bench.negotiated();
    RawClient deaf = bench.negotiated();
    std::string many;
    for (int i = 0; i < 100; ++i) many += R"({"execute":"query-block"})";
    long sent = 0;
    for (int i = 0; i < 1000 && sent >= 0; ++i) {
        sent = deaf.send(many);
        bench.turn();
    }
    EXPECT_LT(sent, 0);
    EXPECT_EQ(bench.server().clients(), 1u);
    EXPECT_TRUE(works(good));
}

TEST_F(ControlServerTest, WhatAnswersRepeat_IsBoundedHoweverItIsEscaped) {
    RawClient client = bench.negotiated();
    const std::string deletes(60'000, '\x7f');  // six bytes each, escaped
    const auto say = [&](const std::string& text) { return bench.ask(client, text); };
    EXPECT_THAT(
        say(R"({"execute":"query-name","id":")" + deletes + R"("})"),
        ElementsAre(R"({"error":{"class":"GenericError","desc":"an id has at most 4096 bytes"}})"));
    for (const auto& [begin, end] : {std::pair(R"({"execute":")", R"("})"),
                                     {R"({"execute":"stop","arguments":{")", R"(":1}})"},
                                     {R"({")", R"(":1})"}}) {
        const auto lines = say(begin + deletes + end);
        ASSERT_EQ(lines.size(), 1u) << begin;
        EXPECT_THAT(lines.front(), HasSubstr(R"({"error":)"));
        EXPECT_LT(lines.front().size(), 8192u);
    }
    const std::string id(kMaxId - 2, 'x');  // and its quotes
    EXPECT_THAT(say(R"({"execute":"query-name","id":")" + id + R"("})"),
                ElementsAre(R"({"return":{"name":"web"},"id":")" + id + R"("})"));
    EXPECT_THAT(say(R"({"execute":"query-name","id":"x)" + id + R"("})"),
                ElementsAre(HasSubstr("an id has at most")));
    EXPECT_TRUE(works(client));
}

TEST_F(ControlServerTest, ManyRequests_DoNotKeepTheLoop) {
    RawClient busy = bench.negotiated();
    RawClient other = bench.negotiated();
    std::string many;
    for (int i = 0; i < 100; ++i) many += R"({"execute":"query-name"})";
    ASSERT_GT(busy.send(many), 0);
    other.send(R"({"execute":"query-name"})");
    // Each turn of poll_one() is one handler: the other client comes in between.
    int turns = 0;
    bench.loop().restart();
    for (; turns < 20; ++turns) {
        bench.loop().poll_one();
        other.receive();
        if (!other.take_lines().empty()) break;
    }
    EXPECT_LT(turns, 20);
    bench.turn();
    EXPECT_EQ(busy.take_lines().size(), 100u);
}

TEST_F(ControlServerTest, ThousandConnections_DoNoHarmAndLeaveRoomAgain) {
    rlimit limit = {};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    ASSERT_GT(limit.rlim_cur, 1200u);
    listen();
    RawClient first = dial();
    bench.turn();
    bench.ask(first, R"({"execute":"qmp_capabilities"})");
    std::vector<RawClient> clients;
    std::size_t refused = 0;
    for (int i = 0; i < 1000; ++i) {
        clients.push_back(dial());
        if (i % 16 == 0) bench.turn();
        ASSERT_LE(bench.server().clients(), ControlServer::kMaxClients);
    }
    bench.turn();
    EXPECT_EQ(bench.server().clients(), ControlServer::kMaxClients);
    for (RawClient& client : clients) {
        const bool greeted = client.take_lines().size() == 1;
        EXPECT_NE(greeted, client.closed());
        refused += client.closed() ? 1 : 0;
    }
    EXPECT_EQ(refused, 1001 - ControlServer::kMaxClients);
    EXPECT_TRUE(works(first));
    // One goes, one has room.
    clients.front().close();
    bench.turn();
    RawClient late = dial();
    bench.turn();
    EXPECT_EQ(late.take_lines().size(), 1u);
    EXPECT_FALSE(late.closed());
    clients.clear();
    bench.turn();
    EXPECT_EQ(bench.server().clients(), 2u);
    EXPECT_TRUE(works(first));
}

TEST_F(ControlServerTest, Close_DoesNotWaitForOneThatDoesNotRead) {
    RawClient good = bench.negotiated();
    RawClient deaf = bench.negotiated();
    std::string many;
    for (int i = 0; i < 600; ++i) many += R"({"execute":"query-block"})";
    deaf.send(many);
    bench.turn();
    ASSERT_EQ(bench.server().clients(), 2u);
    const auto begin = std::chrono::steady_clock::now();
    bench.server().close(std::chrono::milliseconds(50));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
    good.receive();
    EXPECT_TRUE(good.closed());
}

TEST_F(ControlServerTest, ClientOfOurs_AsksAndIsAnswered) {
    listen();
    std::string name, error;
    std::thread person([&] {
        auto client = ControlClient::connect(path_, std::chrono::seconds(10));
        if (!client) return;
        if (const auto reply = client->run("query-name")) name = reply->value("name", "");
        if (const auto reply = client->run("x-none"); !reply) error = reply.error().message();
        (void)client->run("stop");
    });
    bench.loop().restart();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (bench.target.state_ != RunState::kPaused && std::chrono::steady_clock::now() < deadline)
        bench.loop().run_one_for(std::chrono::milliseconds(10));
    bench.turn();
    bench.server().close(std::chrono::seconds(1));
    person.join();
    EXPECT_EQ(name, "web");
    EXPECT_EQ(error, "The command x-none has not been found");
}

TEST_F(ControlServerTest, RunThatIsLaunching_IsWaitedFor) {
    auto socket = listen_at(path_);
    ASSERT_TRUE(socket);
    const RunEntry run = {.name = "web", .socket = path_};
    const auto early = ask_run(run, R"({"execute":"query-name"})", std::chrono::milliseconds(50));
    ASSERT_FALSE(early);
    EXPECT_EQ(early.error().stage(), Stage::kLaunch);
    EXPECT_EQ(early.error().message(),
              "web is launching: the run does not answer: it took too long");
    std::string name;
    std::atomic<bool> over = false;
    std::thread person([&] {
        const auto reply = ask_run(run, R"({"execute":"query-name"})", std::chrono::seconds(20));
        if (reply) name = reply->at("return").value("name", "");
        over = true;
    });
    ::usleep(100'000);  // the launch
    EXPECT_FALSE(over);
    ASSERT_TRUE(bench.server().listen(*std::move(socket)));
    bench.loop().restart();
    while (!over) bench.loop().run_one_for(std::chrono::milliseconds(10));
    person.join();
    EXPECT_EQ(name, "web");
}

TEST_F(ControlServerTest, ClientOfOurs_DoesNotWaitForEver) {
    const auto socket = listen_at(path_);  // and nobody answers
    ASSERT_TRUE(socket);
    const auto client = ControlClient::connect(path_, std::chrono::milliseconds(50));
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().stage(), Stage::kLaunch);
    EXPECT_THAT(client.error().message(), HasSubstr("took too long"));
    ASSERT_FALSE(ControlClient::connect(path_ + "-none", std::chrono::milliseconds(50)));
}

}  // namespace
}  // namespace rvmm::vmm
