// A machine that is held and let go: nothing runs meanwhile, nothing is lost, and it can end.
#include <atomic>
#include <csignal>
#include <thread>

#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <gmock/gmock.h>
#include <linux/kvm.h>

#include "fake_kvm/guest.hpp"
#include "vmm/machine/device_machine.hpp"

namespace rvmm::vmm {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t kPauseUart = 0x100'0000;
constexpr std::uint64_t kPauseCpuOn = 0xC400'0003;
constexpr std::uint64_t kPauseRsiVersion = 0xC400'0190;

class PauseTest : public ::testing::TestWithParam<MachineKind> {
  protected:
    /// What a program of the guest does on the loop.
    template <class Work>
    void on_loop(Work work) {
        std::atomic<bool> done{false};
        asio::post(*loop_, [&] {
            work(*made_);
            done = true;
        });
        while (!done) std::this_thread::yield();
    }
    PrepareMachine remember() {
        return [this](Machine& made, asio::io_context& loop) {
            made_ = &made;
            loop_ = &loop;
        };
    }
    /// Holds the machine and lets it go, again and again.
    void keep_pausing() {
        asio::post(*loop_, [this] {
            const auto begun = made_->pause([this] {
                ++pauses_;
                EXPECT_TRUE(made_->is_paused());
                made_->resume();
                EXPECT_FALSE(made_->is_paused());
                keep_pausing();
            });
            EXPECT_TRUE(begun || begun.error().stage() == Stage::kGuest);
        });
    }
    PrepareMachine with_pauses() {
        return [this](Machine& made, asio::io_context& loop) {
            made_ = &made;
            loop_ = &loop;
            keep_pausing();
        };
    }

    DeviceMachine machine{GetParam()};
    Machine* made_ = nullptr;
    asio::io_context* loop_ = nullptr;
    int pauses_ = 0;
};

TEST_P(PauseTest, Held_TheGuestDoesNothingUntilItIsLetGo) {
    const auto run = machine.run(
        [&](LiveGuest& guest) {
            guest.store(kPauseUart, 'a', 1);
            std::atomic<bool> held{false};
            on_loop([&](Machine& made) {
                EXPECT_TRUE(made.pause([&] { held = true; }));
                EXPECT_FALSE(made.is_paused()) << "a vCPU has to say so first";
            });
            while (!held) std::this_thread::yield();
            std::uint64_t exits = 0;
            on_loop([&](Machine& made) {
                EXPECT_TRUE(made.is_paused());
                exits = made.counters().mmio_exits;
                for (const int id : made.thread_ids()) EXPECT_GT(id, 0);
            });
            guest.begin_store(kPauseUart, 'b', 1);
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
            on_loop([&](Machine& made) {
                EXPECT_EQ(made.counters().mmio_exits, exits);
                made.resume();
                EXPECT_FALSE(made.is_paused());
            });
            EXPECT_TRUE(guest.eventually([&] {
                std::uint64_t now = 0;
                on_loop([&](Machine& made) { now = made.counters().mmio_exits; });
                return now == exits + 1;
            }));
        },
        remember());
    ASSERT_TRUE(run.report) << run.report.error().message();
    EXPECT_EQ(run.report->outcome.kind, RunOutcome::Kind::kShutdown);
    EXPECT_EQ(run.console, "ab");
}

TEST_P(PauseTest, ManyPauses_LoseNoExit) {
    std::string expected;
    const auto run = machine.run(
        [&](LiveGuest& guest) {
            for (int i = 0; i < 300; ++i) {
                const char c = static_cast<char>('a' + i % 26);
                guest.store(kPauseUart, static_cast<unsigned char>(c), 1);
                expected += c;
                EXPECT_EQ(guest.load(kPauseUart + 5, 1) & 0x60, 0x60u);  // LSR: it can be written
            }
        },
        with_pauses());
    ASSERT_TRUE(run.report) << run.report.error().message();
    EXPECT_EQ(run.console, expected);
    EXPECT_EQ(run.report->outcome.kind, RunOutcome::Kind::kShutdown);
    EXPECT_GT(pauses_, 10);
}

TEST_P(PauseTest, PausedMachine_EndsBySignal) {
    const auto run = machine.run(
        [&](LiveGuest& guest) {
            std::atomic<bool> held{false};
            on_loop([&](Machine& made) { EXPECT_TRUE(made.pause([&] { held = true; })); });
            while (!held) std::this_thread::yield();
            ::kill(::getpid(), SIGTERM);
            while (true) guest.look_at([](auto&) { ADD_FAILURE() << "it runs"; });
        },
        remember());
    ASSERT_TRUE(run.report) << run.report.error().message();
    EXPECT_EQ(run.report->outcome.exit_code(), 143);
    EXPECT_LT(run.report->total_ms, 2000);
    EXPECT_EQ(machine.fake.open_descriptors(), 0u);
}

TEST_P(PauseTest, PausesThatOverlap_AreEachAnsweredOnce) {
    std::string answers;
    const auto run = machine.run(
        [&](LiveGuest& guest) {
            on_loop([&](Machine& made) {
                made.resume();  // of nothing
                EXPECT_TRUE(made.pause([&] { answers += 'a'; }));
                EXPECT_TRUE(made.pause([&] { answers += 'b'; }));
                made.resume();  // before they are held
                EXPECT_EQ(answers, "ab");
                EXPECT_TRUE(made.pause([&] {
                    answers += 'c';
                    EXPECT_TRUE(made_->pause([&] { answers += 'd'; }));  // held already
                    made_->resume();
                }));
            });
            EXPECT_TRUE(guest.eventually([&] {
                bool done = false;
                on_loop([&](Machine&) { done = answers.size() == 4; });
                return done;
            }));
            guest.store(kPauseUart, 'x', 1);
        },
        remember());
    ASSERT_TRUE(run.report) << run.report.error().message();
    EXPECT_EQ(answers, "abcd");
    EXPECT_EQ(run.console, "x");
}

INSTANTIATE_TEST_SUITE_P(
    All, PauseTest,
    ::testing::Values(MachineKind{GuestOn::kVm, realm::Transport::kMmio},
                      MachineKind{GuestOn::kEmulatedRealm, realm::Transport::kMmio},
                      MachineKind{GuestOn::kCcaRealm, realm::Transport::kMmio}),
    name_of);

class PauseEmulated : public PauseTest {};

// CPU_ON is a letter to the other vCPU's thread, which may be held when it comes.
TEST_P(PauseEmulated, LettersToAHeldVcpu_ArriveWhenItIsLetGo) {
    machine.spec().machine.vcpus = 2;
    std::atomic<bool> started{false};
    machine.fake.script(1, {look([&](FakeKvm::Vcpu& vcpu) {
                            EXPECT_EQ(vcpu.x(0), 7u);
                            EXPECT_EQ(vcpu.pc(), 0x8010'0000u);
                            started = true;
                        })});
    const auto run = machine.run(
        [&](LiveGuest& guest) {
            guest.perform(smc(kPauseRsiVersion, 0x10000));
            guest.perform(smc(kPauseCpuOn, 1, 0x8010'0000, 7));
            EXPECT_TRUE(guest.eventually([&] { return started.load(); }));
        },
        with_pauses());
    ASSERT_TRUE(run.report) << run.report.error().message();
    EXPECT_TRUE(started);
    EXPECT_GT(pauses_, 0);
}

INSTANTIATE_TEST_SUITE_P(All, PauseEmulated,
                         ::testing::Values(MachineKind{GuestOn::kEmulatedRealm,
                                                       realm::Transport::kMmio}),
                         name_of);

class PauseOfVm : public PauseTest {};

TEST_P(PauseOfVm, GuestThatIsEnding_IsNotHeld) {
    machine.fake.script(0, {exit_reason(KVM_EXIT_SHUTDOWN)});
    bool refused = false;
    std::optional<asio::steady_timer> timer;
    machine.spec().machine.vcpus = 1;
    const auto report = machine.launch_as_it_is([&](Machine& made, asio::io_context& loop) {
        timer.emplace(loop, std::chrono::milliseconds(300));
        timer->async_wait([&](const asio::error_code&) {
            const auto begun = made.pause([] { ADD_FAILURE() << "no vCPU is there to be held"; });
            refused = !begun && begun.error().stage() == Stage::kGuest;
            timer.reset();
        });
    });
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_TRUE(refused);
    EXPECT_EQ(report->outcome.kind, RunOutcome::Kind::kPanic);
    EXPECT_THAT(report->outcome.detail, HasSubstr("no vCPU did it"));
}

// Clients are still heard while devices close.
TEST_P(PauseOfVm, HeldGuestThatHasEnded_IsNotLetGo) {
    machine.fake.script(0, {});
    machine.spec().machine.vcpus = 1;
    const auto run = run_machine_on(
        machine.plan(), machine.fake,
        [](Machine& made, asio::io_context& loop) {
            asio::post(loop, [&made] {
                EXPECT_TRUE(made.pause([&made] {
                    made.end({RunOutcome::Kind::kKilled, SIGTERM, {}});
                    made.resume();
                    EXPECT_TRUE(made.is_paused());
                }));
            });
        },
        [](Machine& made, asio::io_context&, ConsoleOutput&) {
            auto report = made.run();
            made.resume();
            return report;
        });
    ASSERT_TRUE(run.report) << run.report.error().message();
    EXPECT_EQ(run.report->outcome.exit_code(), 143);
}

INSTANTIATE_TEST_SUITE_P(All, PauseOfVm,
                         ::testing::Values(MachineKind{GuestOn::kVm, realm::Transport::kMmio}),
                         name_of);

}  // namespace
}  // namespace rvmm::vmm
