// A run that is named and controlled while it runs, by what `rvmm ps` and `rvmm ctl` use.
#include "vmm/run/run_control.hpp"

#include <cstdlib>
#include <fstream>

#include <gmock/gmock.h>
#include <unistd.h>

#include "realm/plan/fold.hpp"
#include "vmm/control/control_client.hpp"
#include "vmm/control/run_list.hpp"
#include "vmm/machine/device_machine.hpp"
#include "vmm/run/local_run.hpp"

namespace rvmm::vmm {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using std::chrono::seconds;
using ::testing::HasSubstr;

class RunControlTest : public ::testing::Test {
  protected:
    RunControlTest() {
        fs::create_directory(machine.path("runtime"));
        ::setenv("XDG_RUNTIME_DIR", machine.path("runtime").c_str(), 1);
        machine.spec().serial.mode = realm::SerialSpec::Mode::kNone;
        machine.spec().devices = {machine.make_disk("disk0", 8192)};
    }
    ~RunControlTest() override { ::unsetenv("XDG_RUNTIME_DIR"); }

    Result<RunResult> run(const ControlWishes& wishes, const LiveGuest::Program& program) {
        const realm::LaunchPlan& plan = machine.plan();
        RunRequest request;
        request.rim = [&] { return realm::fold_rim(plan); };
        request.known_rim = [&]() -> std::optional<measure::Digest> { return *request.rim(); };
        request.control = wishes;
        const LiveGuest guest(machine.fake, GuestOn::kEmulatedRealm, [&](LiveGuest& self) {
            self.share(DeviceMachine::kRings, DeviceMachine::kSharedSize);
            program(self);
            self.perform(system_off());
        });
        return run_locally(plan, request, {RunsOn::kEmulated}, machine.fake);
    }
    /// The only run there is.
    static ListedRun listed() {
        const auto runs = list_runs(RuntimeFolder::ours());
        EXPECT_TRUE(runs && runs->size() == 1);
        return runs && !runs->empty() ? runs->front() : ListedRun();
    }
    static json ask(const RunEntry& entry, const std::string& command) {
        const auto reply = ask_run(entry, json{{"execute", command}}.dump());
        EXPECT_TRUE(reply) << reply.error().message();
        return reply ? reply->value("return", json()) : json();
    }
    bool nothing_left() const {
        const fs::path folder = machine.path("runtime") / "rvmm";
        return !fs::exists(folder) || fs::is_empty(folder);
    }

    DeviceMachine machine{{GuestOn::kEmulatedRealm, realm::Transport::kMmio}};
};

TEST_F(RunControlTest, Run_IsListedAskedHeldAndGone) {
    const auto result = run({.name = "web"}, [&](LiveGuest& guest) {
        ASSERT_TRUE(guest.eventually([] { return listed().status == "running"; }));
        const RunEntry entry = listed().entry;
        EXPECT_EQ(entry.name, "web");
        EXPECT_EQ(entry.process.pid, ::getpid());
        EXPECT_EQ(entry.host, "emulated");
        EXPECT_EQ(entry.rim, to_hex(*realm::fold_rim(machine.plan())));
        EXPECT_EQ(ask(entry, "stop"), json::object());
        EXPECT_EQ(listed().status, "paused");
        EXPECT_EQ(ask(entry, "cont"), json::object());
        EXPECT_EQ(listed().status, "running");
        const json realm = ask(entry, "x-realm-query");
        EXPECT_EQ(realm["rim"], entry.rim);
        EXPECT_EQ(realm["emulated"], true);
        EXPECT_EQ(realm["rems"], json(std::vector(4, std::string(64, '0'))));
        // All RAM but what the guest has shared.
        const IpaRange ram = machine.board().ram;
        const Ipa shared{DeviceMachine::kRings};
        const Ipa behind = shared + DeviceMachine::kSharedSize;
        const auto run_of = [](Ipa base, Ipa top) {
            return json{{"base", base.value}, {"size", top - base}, {"ripas", "ram"}};
        };
        ASSERT_EQ(realm["ripas"].size(), 2u);
        EXPECT_EQ(realm["ripas"][0], run_of(ram.base(), shared));
        EXPECT_EQ(realm["ripas"][1], run_of(behind, ram.top()));
        EXPECT_EQ(ask(entry, "x-stats")["memory"]["shared_bytes"], DeviceMachine::kSharedSize);
        const json cpus = ask(entry, "query-cpus-fast");
        ASSERT_EQ(cpus.size(), 1u);
        EXPECT_GT(cpus[0]["thread-id"], 0);
        EXPECT_NE(cpus[0]["thread-id"], ::getpid());
        EXPECT_EQ(cpus[0]["x-mpidr"], 0);
        const json disks = ask(entry, "query-block");
        EXPECT_EQ(disks.at(0).at("inserted").at("image").at("virtual-size"), 8192);
        const auto powered = ask_run(entry, R"({"execute":"system_powerdown"})");
        EXPECT_THAT(powered->dump(), HasSubstr("machine.power_key"));
    });
    ASSERT_TRUE(result) << result.error().message();
    EXPECT_EQ(result->exit_code, 0);
    EXPECT_TRUE(nothing_left());
}

TEST_F(RunControlTest, Quit_EndsAPausedRunAndSaysSo) {
    std::vector<std::string> told;
    const auto result = run({.name = "web"}, [&](LiveGuest& guest) {
        ASSERT_TRUE(guest.eventually([] { return listed().status == "running"; }));
        auto client = ControlClient::connect(listed().entry.socket, seconds(10));
        ASSERT_TRUE(client);
        EXPECT_TRUE(client->run("stop"));
        EXPECT_TRUE(client->run("quit"));
        // What comes until the run closes the connection.
        const auto none = client->run("query-status");
        EXPECT_FALSE(none);
        while (true) guest.look_at([](auto&) { ADD_FAILURE() << "it runs"; });
    });
    ASSERT_TRUE(result) << result.error().message();
    EXPECT_EQ(result->exit_code, 143);
    EXPECT_TRUE(nothing_left());
}

// Who types, and whoever looks after the run, are there as long as the loop runs.
TEST_F(RunControlTest, EndWithAClientAndOpenInput_TellsTheClient) {
    machine.spec().serial.mode = realm::SerialSpec::Mode::kStdio;
    int typed[2];
    ASSERT_EQ(::pipe(typed), 0);
    const int stdin_before = ::dup(STDIN_FILENO);
    ::dup2(typed[0], STDIN_FILENO);
    std::optional<ControlClient> client;
    const auto result = run({.name = "web"}, [&](LiveGuest& guest) {
        ASSERT_TRUE(guest.eventually([] { return listed().status == "running"; }));
        auto connected = ControlClient::connect(listed().entry.socket, seconds(10));
        ASSERT_TRUE(connected);
        client.emplace(*std::move(connected));
    });
    ::dup2(stdin_before, STDIN_FILENO);
    for (const int fd : {typed[0], typed[1], stdin_before}) ::close(fd);
    ASSERT_TRUE(result) << result.error().message();
    EXPECT_EQ(result->exit_code, 0);
    EXPECT_TRUE(nothing_left());
}

TEST_F(RunControlTest, NameInUse_IsRefusedBeforeTheLaunch) {
    const auto result = run({.name = "web"}, [&](LiveGuest& guest) {
        ASSERT_TRUE(guest.eventually([] { return listed().status == "running"; }));
        const auto second = RunControl::create(machine.plan(), {.name = "web"}, RunsOn::kLocalVm);
        ASSERT_FALSE(second);
        EXPECT_EQ(second.error().stage(), Stage::kUsage);
        EXPECT_EQ(listed().status, "running");
    });
    EXPECT_TRUE(result);
}

TEST_F(RunControlTest, SocketAtAPath_IsThereAloneAndGoneAfterwards) {
    const std::string path = machine.path("c.sock").native();
    const auto result = run({.name = "web", .socket = path}, [&](LiveGuest& guest) {
        ASSERT_TRUE(guest.eventually([] { return listed().status == "running"; }));
        EXPECT_EQ(listed().entry.socket, path);
        EXPECT_FALSE(fs::exists(machine.path("runtime") / "rvmm" / "web.sock"));
        EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
    });
    ASSERT_TRUE(result) << result.error().message();
    EXPECT_FALSE(fs::exists(path));
    EXPECT_TRUE(nothing_left());
    // One that a killed run has left is no obstacle.
    EXPECT_TRUE(listen_at(path));
    EXPECT_FALSE(run({.name = "web", .socket = path}, [](LiveGuest&) {})) << "nobody's";
    std::ofstream(machine.path("runtime") / "rvmm" / "dead.json")
        << RunEntry{.name = "dead", .process = {::getpid(), 1}, .socket = path}.to_json();
    const auto again = run({.name = "web", .socket = path}, [](LiveGuest&) {});
    ASSERT_TRUE(again) << again.error().message();
    EXPECT_TRUE(nothing_left());
    std::ofstream(path) << "mine";
    const auto refused = run({.socket = path}, [](LiveGuest&) {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().stage(), Stage::kUsage);
    EXPECT_TRUE(fs::exists(path));
}

TEST_F(RunControlTest, FolderThatCannotBe_IsAnErrorForANamedRunAndAWarningForAnother) {
    ::setenv("XDG_RUNTIME_DIR", machine.path("none").c_str(), 1);
    const auto named = run({.name = "web"}, [](LiveGuest&) {});
    ASSERT_FALSE(named);
    EXPECT_EQ(named.error().stage(), Stage::kHostCannot);
    ::testing::internal::CaptureStderr();
    const auto other = run({}, [](LiveGuest&) {});
    const std::string warning = ::testing::internal::GetCapturedStderr();
    ASSERT_TRUE(other) << other.error().message();
    EXPECT_EQ(other->exit_code, 0);
    EXPECT_THAT(warning, HasSubstr("rvmm ps will not know this run"));
    const std::string path = machine.path("c.sock").native();
    ::testing::internal::CaptureStderr();
    const auto controlled = run({.socket = path}, [&](LiveGuest&) {
        auto client = ControlClient::connect(path, seconds(10));
        ASSERT_TRUE(client);
        EXPECT_TRUE(client->run("query-name"));
    });
    ::testing::internal::GetCapturedStderr();
    EXPECT_TRUE(controlled);
}

TEST_F(RunControlTest, RunWithoutAName_GetsOne) {
    const auto result = run({}, [&](LiveGuest& guest) {
        ASSERT_TRUE(guest.eventually([] { return listed().status == "running"; }));
        EXPECT_EQ(listed().entry.name, default_run_name(listed().entry.config, ::getpid()));
    });
    EXPECT_TRUE(result);
    EXPECT_FALSE(run({.name = "../web"}, [](LiveGuest&) {}));
}

}  // namespace
}  // namespace rvmm::vmm
