#include "vmm/terminal/terminal.hpp"

#include <array>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/unique_fd.hpp"

namespace rvmm::vmm {
namespace {

class Pty : public testing::Test {
  protected:
    Pty() {
        master_.reset(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
        std::array<char, 64> name = {};
        EXPECT_EQ(::grantpt(master_.get()), 0);
        EXPECT_EQ(::unlockpt(master_.get()), 0);
        EXPECT_EQ(::ptsname_r(master_.get(), name.data(), name.size()), 0);
        slave_.reset(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    }
    termios mode() const {
        termios now = {};
        EXPECT_EQ(::tcgetattr(slave_.get(), &now), 0);
        return now;
    }
    bool is_raw() const { return (mode().c_lflag & (ICANON | ECHO | ISIG)) == 0; }
    bool is_processed() const { return (mode().c_oflag & OPOST) != 0; }

    /// Forks a child that makes the terminal raw and then ends by `how`; its wait status.
    template <class How>
    int end_child(How how) {
        const pid_t pid = ::fork();
        if (pid == 0) {
            auto terminal = Terminal::make_raw(slave_.get(), Terminal::Output::kRaw);
            if (!terminal || !is_raw()) ::_exit(99);
            how();
            ::_exit(98);
        }
        int status = 0;
        EXPECT_EQ(::waitpid(pid, &status, 0), pid);
        return status;
    }

    UniqueFd master_;
    UniqueFd slave_;
};

TEST_F(Pty, MakeRaw_LastsAsLongAsTheObject) {
    ASSERT_FALSE(is_raw());
    {
        const auto terminal = Terminal::make_raw(slave_.get(), Terminal::Output::kRaw);
        ASSERT_TRUE(terminal);
        EXPECT_TRUE(terminal->active());
        EXPECT_TRUE(is_raw());
        EXPECT_FALSE(is_processed());
    }
    EXPECT_FALSE(is_raw());
    EXPECT_TRUE(is_processed());
}

TEST_F(Pty, ProcessedOutput_StaysProcessed) {
    const auto terminal = Terminal::make_raw(slave_.get(), Terminal::Output::kProcessed);
    ASSERT_TRUE(terminal);
    EXPECT_TRUE(is_raw());
    EXPECT_TRUE(is_processed());
}

TEST_F(Pty, SecondTerminal_IsRefusedAndTheFirstStays) {
    auto first = Terminal::make_raw(slave_.get(), Terminal::Output::kRaw);
    ASSERT_TRUE(first);
    const auto second = Terminal::make_raw(slave_.get(), Terminal::Output::kRaw);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().stage(), Stage::kInternal);
    EXPECT_TRUE(is_raw());
    first->restore();
    EXPECT_FALSE(is_raw());
    EXPECT_TRUE(Terminal::make_raw(slave_.get(), Terminal::Output::kRaw));
}

TEST_F(Pty, Moved_RestoresOnce) {
    auto first = Terminal::make_raw(slave_.get(), Terminal::Output::kRaw);
    ASSERT_TRUE(first);
    {
        const Terminal second = std::move(*first);
        EXPECT_TRUE(second.active());
        EXPECT_FALSE(first->active());
        EXPECT_TRUE(is_raw());
    }
    EXPECT_FALSE(is_raw());
}

TEST_F(Pty, SignalThatEndsTheProcess_RestoresAndStillEndsIt) {
    for (const int number : {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGABRT}) {
        ::signal(number, SIG_DFL);
        const int status = end_child([number] { ::raise(number); });
        ASSERT_TRUE(WIFSIGNALED(status)) << status;
        EXPECT_EQ(WTERMSIG(status), number);
        EXPECT_FALSE(is_raw()) << number;
    }
}

TEST_F(Pty, Exit_Restores) {
    const int status = end_child([] { ::exit(3); });
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 3);
    EXPECT_FALSE(is_raw());
}

TEST_F(Pty, HandlersOfOthers_AreLeftAlone) {
    struct sigaction before = {};
    ::signal(SIGTERM, SIG_IGN);
    {
        const auto terminal = Terminal::make_raw(slave_.get(), Terminal::Output::kRaw);
        ::sigaction(SIGTERM, nullptr, &before);
        EXPECT_EQ(before.sa_handler, SIG_IGN);
        ::sigaction(SIGHUP, nullptr, &before);
        EXPECT_NE(before.sa_handler, SIG_DFL);
    }
    ::sigaction(SIGHUP, nullptr, &before);
    EXPECT_EQ(before.sa_handler, SIG_DFL);
    ::signal(SIGTERM, SIG_DFL);
}

TEST(Terminal, NoTerminal_DoesNothing) {
    const UniqueFd null_device(::open("/dev/null", O_RDWR | O_CLOEXEC));
    const auto terminal = Terminal::make_raw(null_device.get(), Terminal::Output::kRaw);
    ASSERT_TRUE(terminal);
    EXPECT_FALSE(terminal->active());
}

}  // namespace
}  // namespace rvmm::vmm
