#include "vmm/service/service_notifier.hpp"

#include <chrono>
#include <cstdlib>
#include <filesystem>

#include <gmock/gmock.h>

#include "vmm/service/fake_manager.hpp"
#include "vmm/service/heartbeat.hpp"

namespace rvmm::vmm {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ServiceNotifierTest : public ::testing::Test {
  protected:
    static std::string path() {
        return ::testing::TempDir() + "rvmm-notify-" + std::to_string(::getpid());
    }
    /// What `work` says on standard error.
    template <class Work>
    static std::string warnings(Work work) {
        ::testing::internal::CaptureStderr();
        work();
        return ::testing::internal::GetCapturedStderr();
    }
    static auto beat(const std::string& usec, const std::string& pid = {}) {
        return ServiceNotifier({"@nobody", usec, pid, 4711}).beat();
    }
};

TEST_F(ServiceNotifierTest, Messages_ReachAPathAndAnAbstractName) {
    for (const std::string& name : {path(), "@rvmm-notify-" + std::to_string(::getpid())}) {
        const FakeManager manager(name);
        ServiceNotifier notifier({.socket = name});
        EXPECT_TRUE(notifier.is_active());
        notifier.status("launching");
        notifier.ready("running");
        notifier.alive();
        notifier.stopping("ending");
        EXPECT_THAT(manager.all(), ElementsAre("STATUS=launching", "READY=1\nSTATUS=running",
                                               "WATCHDOG=1", "STOPPING=1\nSTATUS=ending"))
            << name;
    }
}

TEST_F(ServiceNotifierTest, NoSocket_IsSilent) {
    EXPECT_EQ(warnings([] {
                  ServiceNotifier notifier(ServiceNotifier::Surroundings{});
                  EXPECT_FALSE(notifier.is_active());
                  notifier.ready("running");
              }),
              "");
}

TEST_F(ServiceNotifierTest, BadSocket_IsOneWarning) {
    for (const std::string& name : {std::string("relative"), std::string("/"), std::string("@"),
                                    "/" + std::string(200, 'x'), std::string("vsock:2:1")})
        EXPECT_THAT(warnings([&] {
                        ServiceNotifier notifier({.socket = name});
                        EXPECT_FALSE(notifier.is_active());
                        notifier.ready("running");
                    }),
                    HasSubstr("NOTIFY_SOCKET is no path and no abstract name"))
            << name;
    const std::string text = warnings([] {
        ServiceNotifier notifier({.socket = "/nowhere/at\x1b/all"});
        notifier.status("launching");
        notifier.ready("running");
    });
    EXPECT_THAT(text, HasSubstr("cannot tell the service manager at /nowhere/at\\x1b/all"));
    EXPECT_EQ(std::ranges::count(text, '\n'), 1);
}

TEST_F(ServiceNotifierTest, ManagerThatDoesNotRead_IsNotWaitedForLong) {
    const FakeManager manager(path());
    ServiceNotifier notifier({.socket = path()});
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_THAT(warnings([&] {
                    std::string often(50000, 'x');
                    for (int i = 0; i < 30; ++i) notifier.status(often.substr(0, 3000));
                }),
                HasSubstr("cannot tell"));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 30 * ServiceNotifier::kPatience + 2s);
}

TEST_F(ServiceNotifierTest, ManagerThatStartsAnew_IsToldAgain) {
    ServiceNotifier notifier({.socket = path()});
    warnings([&] { notifier.alive(); });
    const FakeManager manager(path());
    notifier.alive();
    EXPECT_THAT(manager.all(), ElementsAre("WATCHDOG=1"));
}

TEST_F(ServiceNotifierTest, Beat_IsHalfTheWatchdogsTimeWhereItIsOurs) {
    EXPECT_EQ(beat(""), std::nullopt);
    EXPECT_EQ(beat("3000000"), 1500ms);
    EXPECT_EQ(beat("3000000", "4711"), 1500ms);
    EXPECT_EQ(beat("3000000", "4712"), std::nullopt);
    EXPECT_EQ(beat("18446744073709551615"), ServiceNotifier::kSlowestBeat);
    for (const char* bad : {"0", "1", "-5", "30s", "18446744073709551616"})
        EXPECT_THAT(warnings([&] { EXPECT_EQ(beat(bad), std::nullopt); }),
                    HasSubstr("no watchdog: WATCHDOG_USEC="))
            << bad;
    EXPECT_THAT(warnings([] { EXPECT_EQ(beat("3000000", "me"), std::nullopt); }),
                HasSubstr("WATCHDOG_PID=me"));
}

TEST_F(ServiceNotifierTest, Environment_IsTakenOnce) {
    ::setenv("NOTIFY_SOCKET", "@x", 1);
    ::setenv("WATCHDOG_USEC", "7", 1);
    ::setenv("WATCHDOG_PID", "8", 1);
    const auto taken = ServiceNotifier::take_environment();
    EXPECT_EQ(taken.socket, "@x");
    EXPECT_EQ(taken.watchdog_usec, "7");
    EXPECT_EQ(taken.watchdog_pid, "8");
    EXPECT_EQ(taken.process, ::getpid());
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
        EXPECT_EQ(::getenv(name), nullptr) << name;
    EXPECT_EQ(ServiceNotifier::take_environment().socket, "");
}

TEST_F(ServiceNotifierTest, Heartbeat_BeatsWhileTheLoopRunsAndNotOtherwise) {
    const FakeManager manager(path());
    ServiceNotifier notifier({path(), "100000", "", ::getpid()});
    asio::io_context loop;
    Heartbeat heartbeat(loop, notifier);
    loop.run_for(120ms);
    EXPECT_THAT(manager.all(), IsEmpty());
    heartbeat.start();
    loop.restart();
    loop.run_for(320ms);
    const auto beats = manager.all();
    EXPECT_GE(beats.size(), 3u);
    EXPECT_LE(beats.size(), 8u);
    EXPECT_THAT(beats, ::testing::Each("WATCHDOG=1"));
    EXPECT_EQ(manager.next(200), "") << "a loop that is stuck says nothing";
    heartbeat.stop();
    loop.restart();
    loop.run_for(200ms);
    EXPECT_THAT(manager.all(), IsEmpty());
}

}  // namespace
}  // namespace rvmm::vmm
