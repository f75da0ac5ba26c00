// The protocol as QEMU's qmp-spec and QAPI reference (qemu-qmp-ref(7)) have it.
#include <gmock/gmock.h>

#include "base/version.hpp"
#include "vmm/control/control_bench.hpp"

namespace rvmm::vmm {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kDone = R"({"return":{}})";

class QmpTranscript : public ::testing::Test {
  protected:
    json returned(RawClient& client, const std::string& command) {
        const auto lines = bench.ask(client, json{{"execute", command}}.dump());
        EXPECT_EQ(lines.size(), 1u);
        return lines.empty() ? json() : json::parse(lines.front()).at("return");
    }
    ControlBench bench;
};

TEST_F(QmpTranscript, Greeting_ComesFirstAndHasTheVersion) {
    RawClient client = bench.connect();
    bench.turn();
    EXPECT_THAT(client.take_lines(),
                ElementsAre(R"({"QMP":{"version":{"qemu":{"micro":0,"minor":1,"major":0},)"
                            R"("package":"rvmm 0.1.0"},"capabilities":[]}})"));
    EXPECT_EQ(kVersion, "0.1.0");
}

TEST_F(QmpTranscript, BeforeNegotiation_OnlyThatIsUnderstood) {
    RawClient client = bench.connect();
    bench.turn();
    client.take_lines();
    for (const char* command : {"query-status", "quit", "no-such-command", "stop"})
        EXPECT_THAT(bench.say(client, json{{"execute", command}, {"id", 1}}.dump()),
                    StartsWith(R"({"error":{"class":"CommandNotFound","desc":")"));
    EXPECT_EQ(bench.target.quits, 0);
    EXPECT_EQ(bench.target.state_, RunState::kRunning);
    EXPECT_EQ(
        bench.say(client, R"({ "execute": "qmp_capabilities", "arguments": { "enable": [] } })"),
        kDone);
    EXPECT_THAT(bench.say(client, R"({"execute":"qmp_capabilities"})"),
                HasSubstr("CommandNotFound"));
    EXPECT_EQ(bench.say(client, R"({ "execute": "query-status" })"),
              R"({"return":{"running":true,"singlestep":false,"status":"running"}})");
}

TEST_F(QmpTranscript, Negotiation_EnablesNothingThatWasNotOffered) {
    RawClient client = bench.connect();
    bench.turn();
    client.take_lines();
    for (const char* enable : {R"(["oob"])", R"("oob")", "[1]", "{}"})
        EXPECT_THAT(bench.say(client, fmt::format(R"({{"execute":"qmp_capabilities",)"
                                                  R"("arguments":{{"enable":{}}}}})",
                                                  enable)),
                    HasSubstr("GenericError"));
    EXPECT_THAT(bench.say(client, R"({"execute":"query-status"})"), HasSubstr("CommandNotFound"));
}

TEST_F(QmpTranscript, StopAndCont_TellEverybodyOnce) {
    RawClient client = bench.negotiated();
    RawClient other = bench.negotiated();
    RawClient silent = bench.connect();
    bench.turn();
    silent.take_lines();
    EXPECT_EQ(bench.say(client, R"({ "execute": "stop" })"),
              std::string(R"({"timestamp":"T","event":"STOP"})") + "\n" + kDone);
    EXPECT_EQ(bench.say(client, R"({"execute":"stop"})"), kDone);
    EXPECT_EQ(returned(client, "query-status"),
              json::parse(R"({"running":false,"singlestep":false,"status":"paused"})"));
    EXPECT_EQ(bench.say(client, R"({ "execute": "cont" })"),
              std::string(R"({"timestamp":"T","event":"RESUME"})") + "\n" + kDone);
    EXPECT_EQ(bench.say(client, R"({"execute":"cont"})"), kDone);
    std::vector<std::string> told;
    for (const std::string& line : other.take_lines()) told.push_back(without_time(line));
    EXPECT_THAT(told, ElementsAre(R"({"timestamp":"T","event":"STOP"})",
                                  R"({"timestamp":"T","event":"RESUME"})"));
    EXPECT_THAT(silent.take_lines(), ElementsAre()) << "it has not negotiated";
}

TEST_F(QmpTranscript, StopThatTakesLong_IsAnsweredWhenItIsDoneAndHoldsUpNobody) {
    bench.target.late = true;
    RawClient client = bench.negotiated();
    RawClient other = bench.negotiated();
    EXPECT_EQ(bench.say(client, R"({"execute":"stop","id":1}{"execute":"query-status","id":2})"),
              "");
    EXPECT_EQ(bench.say(other, R"({"execute":"query-name"})"), R"({"return":{"name":"web"}})");
    bench.target.hold();
    bench.turn();
    const auto lines = client.take_lines();
    ASSERT_EQ(lines.size(), 3u);
    EXPECT_EQ(lines[1], R"({"return":{},"id":1})");
    EXPECT_THAT(lines[2], HasSubstr(R"("status":"paused"},"id":2})"));
}

TEST_F(QmpTranscript, ClientThatLeavesWhileItIsStopped_DoesNoHarm) {
    bench.target.late = true;
    RawClient client = bench.negotiated();
    RawClient other = bench.negotiated();
    client.send(R"({"execute":"stop"})");
    bench.turn();
    client.close();
    bench.turn();
    bench.target.hold();
    bench.turn();
    const auto lines = other.take_lines();
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_EQ(without_time(lines[0]), R"({"timestamp":"T","event":"STOP"})");
    EXPECT_EQ(bench.server().clients(), 1u);
}

TEST_F(QmpTranscript, PowerDown_IsAnEventOrAnError) {
    RawClient client = bench.negotiated();
    EXPECT_EQ(bench.say(client, R"({ "execute": "system_powerdown" })"),
              std::string(R"({"timestamp":"T","event":"POWERDOWN"})") + "\n" + kDone);
    bench.target.has_power_key = false;
    EXPECT_EQ(bench.say(client, R"({"execute":"system_powerdown"})"),
              R"({"error":{"class":"GenericError","desc":"there is no power key"}})");
}

TEST_F(QmpTranscript, Quit_IsAnsweredBeforeTheEnd) {
    RawClient client = bench.negotiated();
    EXPECT_EQ(bench.say(client, R"({"execute":"quit"})"), kDone);
    EXPECT_EQ(bench.target.quits, 1);
    bench.server().tell("SHUTDOWN", {{"guest", false}, {"reason", "host-qmp-quit"}});
    bench.server().close(std::chrono::seconds(5));
    EXPECT_EQ(bench.server().clients(), 0u);
    const auto lines = client.take_lines();
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_EQ(without_time(lines[0]), R"({"timestamp":"T","event":"SHUTDOWN",)"
                                      R"("data":{"guest":false,"reason":"host-qmp-quit"}})");
    EXPECT_TRUE(client.closed());
}

TEST_F(QmpTranscript, Queries_HaveTheReferencesShapes) {
    RawClient client = bench.negotiated();
    EXPECT_EQ(returned(client, "query-version"),
              json::parse(R"({"qemu":{"major":0,"minor":1,"micro":0},"package":"rvmm 0.1.0"})"));
    EXPECT_EQ(returned(client, "query-name"), json::parse(R"({"name":"web"})"));
    const json cpus = returned(client, "query-cpus-fast");
    ASSERT_EQ(cpus.size(), 2u);
    EXPECT_EQ(cpus[1], json::parse(R"({"cpu-index":1,"qom-path":"/machine/vcpu[1]",
        "thread-id":12,"props":{"core-id":1},"target":"aarch64","x-mpidr":256})"));
    const json disks = returned(client, "query-block");
    ASSERT_EQ(disks.size(), 1u);
    for (const char* key : {"device", "type", "removable", "locked"})
        EXPECT_TRUE(disks[0].contains(key)) << key;
    for (const char* key :
         {"file", "ro", "drv", "backing_file_depth", "encrypted", "detect_zeroes", "bps", "bps_rd",
          "bps_wr", "iops", "iops_rd", "iops_wr", "image", "cache", "write_threshold"})
        EXPECT_TRUE(disks[0]["inserted"].contains(key)) << key;
    EXPECT_EQ(disks[0]["inserted"]["ro"], true);
    EXPECT_EQ(disks[0]["inserted"]["image"]["virtual-size"], 4096);
    EXPECT_EQ(returned(client, "x-stats"), json::parse(R"({"exits":{"mmio":7}})"));
}

TEST_F(QmpTranscript, QueryCommands_ListsWhatIsUnderstood) {
    RawClient client = bench.negotiated();
    std::vector<std::string> names;
    for (const json& command : returned(client, "query-commands")) names.push_back(command["name"]);
    EXPECT_THAT(names,
                ElementsAre("qmp_capabilities", "query-status", "query-version", "query-commands",
                            "query-name", "query-cpus-fast", "query-block", "stop", "cont",
                            "system_powerdown", "quit", "x-realm-query", "x-stats"));
}

TEST_F(QmpTranscript, RealmQuery_SaysWhatIsKnown) {
    RawClient client = bench.negotiated();
    EXPECT_EQ(returned(client, "x-realm-query"),
              json::parse(R"({"host":"vm","revision":null,"emulated":false,"realm":false})"));
    bench.target.what = {
        .host = "cca", .revision = "v14", .realm = true, .profile = "p", .hash = "sha256"};
    EXPECT_EQ(returned(client, "x-realm-query"),
              json::parse(R"({"host":"cca","revision":"v14","emulated":false,"realm":true,
                  "profile":"p","hash":"sha256","rim":null,"rems":null,"ripas":null})"));
    bench.target.what.rim = "ab";
    bench.target.what.now = {.rems = {Bytes(2, std::byte{1}), Bytes(2, std::byte{0})},
                             .ram = std::vector{*IpaRange::make(Ipa{4096}, 8192)},
                             .more_ram = true};
    const json known = returned(client, "x-realm-query");
    EXPECT_EQ(known["rim"], "ab");
    EXPECT_EQ(known["rems"], json::parse(R"(["0101","0000"])"));
    EXPECT_EQ(known["ripas"], json::parse(R"([{"base":4096,"size":8192,"ripas":"ram"}])"));
    EXPECT_EQ(known["ripas-truncated"], true);
}

TEST_F(QmpTranscript, Id_OfEveryTypeComesBack) {
    RawClient client = bench.negotiated();
    for (const char* id : {"1", "-7", "1.5", "18446744073709551615", "\"text\"", "\"\"", "true",
                           "null", "[1,[2]]", R"({"a":{"b":1}})"}) {
        EXPECT_EQ(bench.say(client, fmt::format(R"({{"execute":"query-name","id":{}}})", id)),
                  fmt::format(R"({{"return":{{"name":"web"}},"id":{}}})", id));
        EXPECT_THAT(bench.say(client, fmt::format(R"({{"id":{},"execute":"x"}})", id)),
                    HasSubstr(fmt::format(R"(,"id":{}}})", id)));
        EXPECT_THAT(bench.say(client, fmt::format(R"({{"id":{}}})", id)),
                    HasSubstr(fmt::format(R"(,"id":{}}})", id)));
    }
}

TEST_F(QmpTranscript, Text_IsAsciiWhateverItHolds) {
    RawClient client = bench.negotiated();
    EXPECT_EQ(bench.say(client, "{\"execute\":\"query-name\",\"id\":\"\xc3\xa9\xf0\x9f\x98\x80\"}"),
              R"({"return":{"name":"web"},"id":"\u00e9\ud83d\ude00"})");
    const auto lines = bench.ask(client, R"({"execute":"query-block"})");
    EXPECT_THAT(lines.at(0), HasSubstr(R"("file":"/images/a\ufffd.img")"));
}

TEST_F(QmpTranscript, WrongRequests_AreErrorsWithoutEffect) {
    RawClient client = bench.negotiated();
    for (const char* request :
         {"{ \"execute\": }", "{}", R"({"execute":1})", R"({"execute":"quit","argument":{}})",
          R"({"execute":"quit","arguments":[]})", R"({"execute":"quit","arguments":{"a":1}})",
          R"({"execute":"quit","arguments":null})", R"({"exec-oob":"quit"})",
          R"({"execute":"quit","control":{}})", R"([{"execute":"quit"}])"})
        EXPECT_THAT(bench.say(client, request),
                    StartsWith(R"({"error":{"class":"GenericError","desc":")"))
            << request;
    EXPECT_EQ(bench.say(client, R"({"execute":"human-monitor-command"})"),
              R"({"error":{"class":"CommandNotFound",)"
              R"("desc":"The command human-monitor-command has not been found"}})");
    EXPECT_EQ(bench.target.quits, 0);
}

}  // namespace
}  // namespace rvmm::vmm
