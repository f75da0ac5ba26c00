#include "vmm/events/run_events.hpp"

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

namespace rvmm::vmm {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
namespace fs = std::filesystem;

class RunEventsTest : public ::testing::Test {
  protected:
    RunEventsTest()
        : path_(fs::path(::testing::TempDir()) / ("rvmm-events-" + std::to_string(::getpid()))) {
        fs::remove(path_);
        auto made = RunEvents::create(path_, "image.cfg");
        EXPECT_TRUE(made) << made.error().message();
        events_ = *made;
    }
    ~RunEventsTest() override { fs::remove(path_); }

    std::vector<nlohmann::json> lines() const {
        std::vector<nlohmann::json> all;
        std::ifstream file(path_);
        for (std::string line; std::getline(file, line);)
            all.push_back(nlohmann::json::parse(line));
        return all;
    }
    /// "event" of each line after the first two, and what a phase is.
    std::vector<std::string> said() const {
        std::vector<std::string> names;
        for (const auto& line : lines())
            names.push_back(line["event"] == "phase" ? "phase " + line["phase"].get<std::string>()
                                                     : line["event"].get<std::string>());
        names.erase(names.begin(), names.begin() + 2);
        return names;
    }

    fs::path path_;
    std::shared_ptr<RunEvents> events_;
};

TEST_F(RunEventsTest, Beginning_IsSaidAtOnce) {
    ASSERT_EQ(lines().size(), 2U);
    EXPECT_EQ(lines()[0]["event"], "start");
    EXPECT_EQ(lines()[0]["config"], "image.cfg");
    EXPECT_EQ(lines()[0]["time"], 0);
    EXPECT_EQ(lines()[1]["phase"], "config");
    EXPECT_TRUE(events_->heard());
}

TEST_F(RunEventsTest, Phases_GoForwardAlone) {
    events_->phase(Phase::kLayout);
    events_->phase(Phase::kConfig);
    events_->phase(Phase::kLayout);
    events_->phase(Phase::kGuest);
    events_->phase(Phase::kPopulate);
    EXPECT_THAT(said(), ElementsAre("phase layout", "phase guest"));
}

TEST_F(RunEventsTest, End_HasThePhasesAndTheySumToIt) {
    std::this_thread::sleep_for(5ms);
    events_->phase(Phase::kLayout);
    std::this_thread::sleep_for(10ms);
    events_->phase(Phase::kHost);
    events_->end(7, R"({"outcome":"x"})");
    const auto end = lines().back();
    EXPECT_EQ(end["exit_code"], 7);
    EXPECT_EQ(end["report"]["outcome"], "x");
    EXPECT_GT(end["peak_memory"], 1'000'000);
    EXPECT_FALSE(end.contains("lab_peak_memory"));
    const auto phases = end["phases"].get<std::map<std::string, double>>();
    ASSERT_EQ(phases.size(), 3U);
    EXPECT_GE(phases.at("config"), 0.005);
    EXPECT_GE(phases.at("layout"), 0.010);
    double sum = 0;
    for (const auto& [name, seconds] : phases) sum += seconds;
    EXPECT_NEAR(sum, end["time"].get<double>(), 1e-5);
}

TEST_F(RunEventsTest, EndByAnError_SaysItAndItsAdvice) {
    events_->end(std::unexpected(Error(Stage::kHostCannot, "no host").with_advice("buy one")), "");
    const auto end = lines().back();
    EXPECT_EQ(end["exit_code"], 69);
    EXPECT_EQ(end["error"], "no host");
    EXPECT_EQ(end["advice"], "buy one");
    EXPECT_FALSE(end.contains("report"));
}

TEST_F(RunEventsTest, EndOfALabsRunThatFailed_SaysWhy) {
    events_->relay(R"({"event":"end","exit_code":70,"error":"memory is gone","advice":"more"})");
    events_->relay(R"({"event":"end","exit_code":0})");
    events_->end(70, "");
    EXPECT_EQ(lines().back()["error"], "memory is gone");
    EXPECT_EQ(lines().back()["advice"], "more");
    EXPECT_EQ(lines().back()["exit_code"], 70);
}

TEST_F(RunEventsTest, AfterTheEnd_NothingIsSaid) {
    events_->end(0, "");
    const auto before = lines().size();
    events_->phase(Phase::kGuest);
    events_->say(MilestoneEvent{Milestone::kReady});
    warn("after the end");
    events_->end(1, "");
    EXPECT_EQ(lines().size(), before);
}

TEST_F(RunEventsTest, Warning_IsAnEventToo) {
    warn("something {}", 1);
    note("not this");
    ASSERT_THAT(said(), ElementsAre("warning"));
    EXPECT_EQ(lines().back()["text"], "something 1");
}

TEST_F(RunEventsTest, Progress_IsRareButForItsEnd) {
    for (int i = 1; i <= 1000; ++i) events_->progress(static_cast<std::uint64_t>(i), 1000);
    const auto all = lines();
    EXPECT_LT(all.size(), 100U);
    EXPECT_EQ(all.back()["done"], 1000);
}

TEST_F(RunEventsTest, LinesOfTheLab_AreMarkedAndItsPhasesAreOursFromPopulateOn) {
    events_->phase(Phase::kLab);
    for (const char* line :
         {R"({"event":"start","time":0})", R"({"event":"phase","phase":"config"})",
          R"({"event":"phase","phase":"host","time":0.1})",
          R"({"event":"host","host":"emulated","emulated":true})",
          R"({"event":"phase","phase":"populate"})", "no event", R"({"event":"ready","time":-5})",
          R"({"event":"end","exit_code":3})"})
        events_->relay(line);
    EXPECT_THAT(said(), ElementsAre("phase lab", "host", "phase populate", "ready"));
    const auto all = lines();
    for (auto line = all.begin() + 3; line != all.end(); ++line) EXPECT_EQ((*line)["in_lab"], true);
    EXPECT_GE(all.back()["time"], all[2]["time"]);
    events_->end(0, "");
    EXPECT_TRUE(lines().back().contains("lab_peak_memory"));
}

TEST_F(RunEventsTest, SeveralThreads_SayWholeLinesInTheOrderOfTime) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            for (int n = 0; n < 50; ++n) events_->say(PanicEvent{"p"});
        });
    for (auto& thread : threads) thread.join();
    const auto all = lines();
    ASSERT_EQ(all.size(), 202U);
    for (std::size_t i = 1; i < all.size(); ++i) EXPECT_GE(all[i]["time"], all[i - 1]["time"]);
}

TEST_F(RunEventsTest, TextThatIsNoUtf8_IsStillJson) {
    events_->say(PanicEvent{"a\xff\x01"});
    EXPECT_EQ(lines().back()["detail"], "a\xef\xbf\xbd\x01");
}

TEST(RunEvents, WithoutATarget_NothingIsHeard) {
    const auto events = RunEvents::create("", "image.cfg");
    ASSERT_TRUE(events);
    EXPECT_FALSE((*events)->heard());
    (*events)->phase(Phase::kGuest);
    (*events)->relay("{}");
    (*events)->end(0, "");
}

TEST(RunEvents, ReaderThatGoesAway_IsWarnedAboutOnce) {
    ::signal(SIGPIPE, SIG_IGN);  // as rvmm does
    std::array<int, 2> ends = {};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    UniqueFd out(ends[0]);
    const UniqueFd in(ends[1]);
    const auto events = RunEvents::create("fd:" + std::to_string(in.get()), "image.cfg");
    ASSERT_TRUE(events);
    out.reset();
    ::testing::internal::CaptureStderr();
    (*events)->phase(Phase::kGuest);
    (*events)->phase(Phase::kShutdown);
    (*events)->end(0, "");
    const std::string text = ::testing::internal::GetCapturedStderr();
    EXPECT_EQ(text,
              "rvmm: warning: the reader of --events has gone, or its disk is full: no more "
              "is said to it\n");
}

}  // namespace
}  // namespace rvmm::vmm
