// A run on the fake of KVM as a service: what its manager is told, and when.
#include "vmm/run/run_service.hpp"

#include <cstdlib>
#include <thread>

#include <asio/post.hpp>
#include <gmock/gmock.h>

#include "realm/plan/fold.hpp"
#include "vmm/control/control_client.hpp"
#include "vmm/machine/device_machine.hpp"
#include "vmm/run/local_run.hpp"
#include "vmm/service/fake_manager.hpp"

namespace rvmm::vmm {
namespace {

using namespace std::chrono_literals;
using ::testing::StartsWith;

class RunServiceTest : public ::testing::Test {
  protected:
    RunServiceTest() : manager(machine.path("notify").native()) {
        ::setenv("XDG_RUNTIME_DIR", machine.path("").c_str(), 1);
        ::setenv("NOTIFY_SOCKET", manager.name().c_str(), 1);
        machine.spec().serial.mode = realm::SerialSpec::Mode::kNone;
    }
    ~RunServiceTest() override {
        ::unsetenv("XDG_RUNTIME_DIR");
        ::unsetenv("NOTIFY_SOCKET");
        ::unsetenv("WATCHDOG_USEC");
    }

    Result<RunResult> run(const LiveGuest::Program& program) {
        const realm::LaunchPlan& plan = machine.plan();
        RunRequest request;
        request.rim = [&] { return realm::fold_rim(plan); };
        request.known_rim = [&]() -> std::optional<measure::Digest> { return *request.rim(); };
        request.control.socket = control();
        const LiveGuest guest(machine.fake, GuestOn::kEmulatedRealm, [&](LiveGuest& self) {
            program(self);
            self.perform(system_off());
        });
        return run_locally(plan, request, {RunsOn::kEmulated}, machine.fake);
    }
    std::string control() const { return machine.path("c.sock").native(); }
    /// "host emulated, RIM ..., " and `state`.
    std::string status(std::string_view state) {
        return fmt::format("STATUS=host emulated, RIM {}, {}",
                           to_hex(*realm::fold_rim(machine.plan())), state);
    }
    /// The next message that is no beat.
    std::string told() const {
        while (true)
            if (std::string message = manager.next(10000); message != "WATCHDOG=1") return message;
    }

    DeviceMachine machine{{GuestOn::kEmulatedRealm, realm::Transport::kMmio}};
    FakeManager manager;
};

TEST_F(RunServiceTest, Run_IsReadyWhenItsGuestBeginsAndStoppingAtTheEnd) {
    const auto result = run([&](LiveGuest&) {
        EXPECT_EQ(told(), "STATUS=host emulated, launching");
        EXPECT_EQ(told(), "READY=1\n" + status("running"));
        auto client = ControlClient::connect(control(), 10s);
        ASSERT_TRUE(client) << client.error().message();
        EXPECT_TRUE(client->run("stop"));
        EXPECT_EQ(told(), status("paused"));
        EXPECT_TRUE(client->run("cont"));
        EXPECT_EQ(told(), status("running"));
    });
    ASSERT_TRUE(result) << result.error().message();
    EXPECT_EQ(told(), "STOPPING=1\n" + status("ending"));
    EXPECT_EQ(manager.next(0), "");
    EXPECT_EQ(::getenv("NOTIFY_SOCKET"), nullptr) << "children would have it";
}

TEST_F(RunServiceTest, Watchdog_IsFedFromReadyToTheEndAlsoWhilePaused) {
    ::setenv("WATCHDOG_USEC", "100000", 1);
    std::vector<std::string> running, paused;
    const auto result = run([&](LiveGuest&) {
        EXPECT_EQ(told(), "STATUS=host emulated, launching");
        EXPECT_THAT(manager.next(10000), StartsWith("READY=1\n"));
        std::this_thread::sleep_for(300ms);
        running = manager.all();
        auto client = ControlClient::connect(control(), 10s);
        ASSERT_TRUE(client) << client.error().message();
        EXPECT_TRUE(client->run("stop"));
        EXPECT_EQ(told(), status("paused"));
        std::this_thread::sleep_for(300ms);
        paused = manager.all();
        EXPECT_TRUE(client->run("cont"));
    });
    ASSERT_TRUE(result) << result.error().message();
    // 50 ms each; a busy machine may be late.
    for (const auto& beats : {running, paused}) {
        EXPECT_GE(beats.size(), 3u);
        EXPECT_LE(beats.size(), 12u);
        EXPECT_THAT(beats, ::testing::Each("WATCHDOG=1"));
    }
    const auto rest = manager.all();
    ASSERT_FALSE(rest.empty());
    EXPECT_THAT(rest.back(), StartsWith("STOPPING=1\n")) << "nothing follows it";
}

TEST_F(RunServiceTest, GuestThatSaysSo_IsUp) {
    const LiveGuest guest(machine.fake, GuestOn::kEmulatedRealm, [&](LiveGuest& self) {
        EXPECT_EQ(told(), "STATUS=host emulated, launching");
        EXPECT_EQ(told(), "READY=1\nSTATUS=host emulated, running");
        EXPECT_EQ(told(), "STATUS=host emulated, up");
        self.perform(system_off());
    });
    const auto ran = run_machine_on(
        machine.plan(), machine.fake, {},
        [](Machine& made, asio::io_context& loop, ConsoleOutput&) -> Result<RunReport> {
            RunService service(loop, RunsOn::kEmulated);
            service.follow(made, "");
            asio::post(loop, [&] { made.note_ready(); });
            return made.run();
        });
    ASSERT_TRUE(ran.report) << ran.report.error().message();
    EXPECT_EQ(told(), "STOPPING=1\nSTATUS=host emulated, ending");
}

TEST_F(RunServiceTest, ManagerThatIsGone_IsAWarningAndNoMore) {
    ::setenv("NOTIFY_SOCKET", "/nowhere/notify", 1);
    ::setenv("WATCHDOG_USEC", "100000", 1);
    ::testing::internal::CaptureStderr();
    const auto result = run([](LiveGuest&) { std::this_thread::sleep_for(120ms); });
    const std::string said = ::testing::internal::GetCapturedStderr();
    ASSERT_TRUE(result) << result.error().message();
    EXPECT_EQ(result->exit_code, 0);
    EXPECT_THAT(said, ::testing::HasSubstr("cannot tell the service manager at /nowhere/notify"));
    EXPECT_EQ(std::ranges::count(said, '\n'), 1) << said;
}

}  // namespace
}  // namespace rvmm::vmm
