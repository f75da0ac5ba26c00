#include "vmm/process/child_process.hpp"

#include <csignal>

#include <gtest/gtest.h>
#include <poll.h>

#include "base/exit_code.hpp"

namespace rvmm::vmm {
namespace {

/// How a shell that was given `script` has ended.
std::optional<ChildProcess::End> end_of(const std::string& script) {
    ChildProcess::Spec spec;
    spec.arguments = {"/bin/sh", "-c", script};
    spec.output = STDERR_FILENO;
    auto child = ChildProcess::start(std::move(spec));
    if (!child) return std::nullopt;
    const auto watch = child->watch();
    if (!watch) return std::nullopt;
    pollfd poll = {.fd = watch->get(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&poll, 1, 60'000), 1);
    for (int i = 0; i < 1000 && !child->ended(); ++i) ::usleep(10'000);
    return child->how();
}

TEST(ChildProcess_, End_IsItsExitCodeOrSignal) {
    ASSERT_TRUE(end_of("exit 7"));
    EXPECT_EQ(end_of("exit 7")->exit_code, 7);
    EXPECT_EQ(end_of("exit 0")->exit_code, 0);
    EXPECT_EQ(end_of("kill -TERM $$")->exit_code, killed_by(SIGTERM));
}

TEST(ChildProcess_, EndThatNobodyKnows_IsNoSuccess) {
    const auto before = std::signal(SIGCHLD, SIG_IGN);  // the kernel reaps
    const auto end = end_of("sleep 0.1");
    std::signal(SIGCHLD, before);
    ASSERT_TRUE(end);
    EXPECT_EQ(end->exit_code, killed_by(SIGKILL));
}

}  // namespace
}  // namespace rvmm::vmm
