#include "vmm/lab/protocol.hpp"

#include <gtest/gtest.h>

namespace rvmm::vmm::lab {
namespace {

/// `message` as the other side reads it.
HostMessage round_trip(const HostMessage& message) {
    const auto line = encode(message);
    EXPECT_TRUE(line);
    EXPECT_EQ(line->back(), '\n');
    auto parsed = parse_host_message(std::string_view(*line).substr(0, line->size() - 1));
    EXPECT_TRUE(parsed);
    return *std::move(parsed);
}

/// The messages in `text`, which arrives in pieces of `step` bytes.
Result<std::vector<AgentMessage>> read_all(std::string_view text, std::size_t step) {
    AgentMessageReader reader;
    std::vector<AgentMessage> messages;
    while (!text.empty()) {
        reader.push(as_bytes(text.substr(0, step)));
        text.remove_prefix(std::min(step, text.size()));
        while (true) {
            RVMM_TRY(auto message, reader.next());
            if (!message) break;
            messages.push_back(*std::move(message));
        }
    }
    return messages;
}

TEST(HostMessage, Run_SurvivesTheTrip) {
    RunMessage run;
    run.argv = {"sh", "-c", "echo \"ü\" \n\t\\", ""};
    run.cwd = "/job";
    run.environment = {{"A", "1"}, {"B", "x=y"}};
    run.collect = {"/a", "/b c"};
    run.terminal = WindowSize{50, 132};
    run.follow = "/job/events";
    const auto back = std::get<RunMessage>(round_trip(run));
    EXPECT_EQ(back.argv, run.argv);
    EXPECT_EQ(back.cwd, run.cwd);
    EXPECT_EQ(back.environment, run.environment);
    EXPECT_EQ(back.collect, run.collect);
    EXPECT_EQ(back.terminal, run.terminal);
    EXPECT_EQ(back.follow, run.follow);
}

TEST(HostMessage, RunWithNothingOptional_SurvivesTheTrip) {
    const auto back = std::get<RunMessage>(round_trip(RunMessage{{"true"}, "/", {}, {}, {}, {}}));
    EXPECT_EQ(back.argv, std::vector<std::string>{"true"});
    EXPECT_TRUE(back.environment.empty());
    EXPECT_TRUE(back.collect.empty());
    EXPECT_FALSE(back.terminal);
    EXPECT_TRUE(back.follow.empty());
}

TEST(HostMessage, SmallOnes_SurviveTheTrip) {
    EXPECT_EQ(std::get<SignalMessage>(round_trip(SignalMessage{15})).number, 15);
    EXPECT_EQ(std::get<ResizeMessage>(round_trip(ResizeMessage{{1, 2}})).size, (WindowSize{1, 2}));
    EXPECT_EQ(std::get<StdinEndMessage>(round_trip(StdinEndMessage{UINT64_MAX})).total, UINT64_MAX);
}

/// The same, told apart by what to_json() makes of them.
bool same(const LinkMessage& one, const LinkMessage& other) {
    return encode(AgentMessage(one)) == encode(AgentMessage(other));
}

TEST(LinkMessages, EveryKind_SurvivesTheTripBothWays) {
    std::string bytes;
    for (int i = 0; i < 1024; ++i) bytes += static_cast<char>(i % 256);
    for (const LinkMessage& message :
         {LinkMessage{1, LinkOpen{"/job/\u00fc"}}, LinkMessage{2, LinkData{bytes}},
          LinkMessage{3, LinkData{std::string(kLinkWindow, '\x80')}},
          LinkMessage{4, LinkTaken{kLinkWindow}}, LinkMessage{5, LinkEnd{}},
          LinkMessage{UINT64_MAX, LinkClose{}}}) {
        EXPECT_TRUE(same(std::get<LinkMessage>(round_trip(message)), message));
        const auto back = read_all(encode(AgentMessage(message)), 1000);
        ASSERT_TRUE(back && back->size() == 1);
        EXPECT_TRUE(same(std::get<LinkMessage>(back->front()), message));
    }
    const auto back = std::get<LinkMessage>(round_trip(LinkMessage{1, LinkData{bytes}}));
    EXPECT_EQ(std::get<LinkData>(back.what).bytes, bytes);
}

TEST(LinkMessages, Nonsense_IsRefused) {
    const std::string long_data(kLinkWindow + 1, 'x');
    for (const std::string& body :
         {std::string("1"), std::string("{}"), std::string(R"({"id":1})"),
          std::string(R"({"end":true})"), std::string(R"({"id":-1,"end":true})"),
          std::string(R"({"id":1,"end":1})"), std::string(R"({"id":1,"close":false})"),
          std::string(R"({"id":1,"taken":0})"), std::string(R"({"id":1,"taken":16385})"),
          std::string(R"({"id":1,"data":""})"), std::string(R"({"id":1,"data":"\\q"})"),
          std::string(R"({"id":1,"data":7})"), std::string(R"({"id":1,"open":"x"})"),
          R"({"id":1,"open":"/)" + std::string(107, 'x') + "\"}",
          R"({"id":1,"data":")" + long_data + "\"}"}) {
        const std::string line = R"({"link":)" + body + "}";
        EXPECT_FALSE(read_all(line + "\n", 999)) << line;
        EXPECT_FALSE(parse_host_message(line)) << line;
    }
}

TEST(HostMessage, TextThatIsNotUtf8OrTooLong_IsAUsageError) {
    for (const std::string& bad : {std::string("\xff"), std::string(kMaxLine, 'x')}) {
        const auto line = encode(HostMessage(RunMessage{{bad}, "/", {}, {}, {}, {}}));
        ASSERT_FALSE(line);
        EXPECT_EQ(line.error().stage(), Stage::kUsage);
    }
}

TEST(HostMessage, Nonsense_IsRefused) {
    for (const char* line :
         {"", "{", "[]", "{}", R"({"run":{}})", R"({"signal":0})", R"({"signal":65})",
          R"({"signal":"9"})", R"({"resize":[1]})", R"({"resize":[1,65536]})",
          R"({"stdin_end":-1})", R"({"run":{"argv":[],"cwd":"/","environment":{},"collect":[]}})",
          R"({"run":{"argv":["a",1],"cwd":"/","environment":{},"collect":[]}})",
          R"({"run":{"argv":["a"],"cwd":"/","environment":[],"collect":[]}})",
          R"({"run":{"argv":["a"],"cwd":"/","environment":{},"collect":[],"terminal":1}})"})
        EXPECT_FALSE(parse_host_message(line)) << line;
}

TEST(AgentMessage, AWholeConversation_ArrivesInAnyPieces) {
    Bytes content(1000);
    for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<std::byte>(i);
    const std::string text =
        encode(AgentMessage(HelloMessage{1})) + encode(AgentMessage(LineMessage{R"({"a":"\n"})"})) +
        encode(AgentMessage(ExitedMessage{42, false, 7, UINT64_MAX})) +
        encode(AgentMessage(FileMessage{3, content})) + encode(AgentMessage(FileMessage{4, {}})) +
        encode(AgentMessage(MissingMessage{5, "not \xff there"})) +
        encode(AgentMessage(ByeMessage{}));
    for (const std::size_t step : {std::size_t{1}, std::size_t{7}, text.size()}) {
        const auto messages = read_all(text, step);
        ASSERT_TRUE(messages);
        ASSERT_EQ(messages->size(), 7U);
        EXPECT_EQ(std::get<HelloMessage>((*messages)[0]).version, 1U);
        EXPECT_EQ(std::get<LineMessage>((*messages)[1]).text, R"({"a":"\n"})");
        const auto& exited = std::get<ExitedMessage>((*messages)[2]);
        EXPECT_EQ(exited.number, 42);
        EXPECT_FALSE(exited.signalled);
        EXPECT_EQ(exited.stdout_bytes, 7U);
        EXPECT_EQ(exited.stderr_bytes, UINT64_MAX);
        EXPECT_EQ(std::get<FileMessage>((*messages)[3]).index, 3U);
        EXPECT_EQ(std::get<FileMessage>((*messages)[3]).content, content);
        EXPECT_TRUE(std::get<FileMessage>((*messages)[4]).content.empty());
        EXPECT_EQ(std::get<MissingMessage>((*messages)[5]).index, 5U);
        EXPECT_TRUE(std::holds_alternative<ByeMessage>((*messages)[6]));
    }
}

TEST(AgentMessage, EveryEnding_SurvivesTheTrip) {
    for (int status = 0; status <= 255; ++status) {
        const auto back = read_all(encode(AgentMessage(ExitedMessage{status, false, 0, 0})), 999);
        ASSERT_TRUE(back && back->size() == 1);
        EXPECT_EQ(std::get<ExitedMessage>(back->front()).number, status);
    }
    const auto killed = read_all(encode(AgentMessage(ExitedMessage{11, true, 0, 0})), 999);
    ASSERT_TRUE(killed && killed->size() == 1);
    EXPECT_TRUE(std::get<ExitedMessage>(killed->front()).signalled);
    EXPECT_EQ(std::get<ExitedMessage>(killed->front()).number, 11);
}

TEST(AgentMessage, Nonsense_IsRefused) {
    for (const char* line :
         {"", "x", "null", "[]", "{}", R"({"hello":"1"})", R"({"hello":-1})",
          R"({"exited":{"status":256,"stdout":0,"stderr":0}})",
          R"({"exited":{"signal":65,"stdout":0,"stderr":0}})",
          R"({"exited":{"status":1,"signal":1,"stdout":0,"stderr":0}})",
          R"({"exited":{"stdout":0,"stderr":0}})", R"({"exited":{"status":1,"stdout":0}})",
          R"({"file":{"index":0}})", R"({"file":{"index":0,"size":67108865}})",
          R"({"missing":{"index":0}})"})
        EXPECT_FALSE(read_all(std::string(line) + "\n", 999)) << line;
}

TEST(AgentMessage, FollowedLineThatIsTooLong_IsRefused) {
    const auto line = [](std::size_t size) {
        return encode(AgentMessage(LineMessage{std::string(size, 'x')}));
    };
    EXPECT_TRUE(read_all(line(kMaxFollowedLine), kMaxLine));
    EXPECT_FALSE(read_all(line(kMaxFollowedLine + 1), kMaxLine));
}

TEST(AgentMessage, LineWithoutAnEnd_IsRefused) {
    EXPECT_TRUE(read_all(std::string(kMaxLine - 1, ' '), kMaxLine));
    const auto messages = read_all(std::string(kMaxLine, ' '), kMaxLine);
    ASSERT_FALSE(messages);
    EXPECT_EQ(messages.error().stage(), Stage::kLaunch);
}

TEST(AgentMessage, FileThatIsCutShort_IsNoMessage) {
    const std::string text = encode(AgentMessage(FileMessage{0, Bytes(100)}));
    const auto messages = read_all(text.substr(0, text.size() - 1), 10);
    ASSERT_TRUE(messages);
    EXPECT_TRUE(messages->empty());
}

}  // namespace
}  // namespace rvmm::vmm::lab
