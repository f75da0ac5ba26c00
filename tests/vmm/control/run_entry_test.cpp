#include "vmm/control/run_entry.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace rvmm::vmm {
namespace {

TEST(RunEntry_, Names_HaveTheirRules) {
    for (const std::string name : {"a", "web-1", "A_b.c", "-"})
        EXPECT_TRUE(is_run_name(name)) << name;
    for (const std::string name : {"", ".a", "..", "a/b", "a b", "\xc3\xa9", "a\n"})
        EXPECT_FALSE(is_run_name(name)) << name;
    EXPECT_TRUE(is_run_name(std::string(64, 'x')));
    EXPECT_FALSE(is_run_name(std::string(65, 'x')));
    EXPECT_FALSE(is_run_name(std::string_view("a\0b", 3)));
}

TEST(RunEntry_, DefaultName_IsAlwaysOne) {
    EXPECT_EQ(default_run_name("/a/web.cfg", 12), "web-12");
    EXPECT_EQ(default_run_name("my image.cfg", 12), "my_image-12");
    for (const std::string config : {"", ".cfg", "/", "..", "\xff.cfg", "x/.hidden.cfg"}) {
        EXPECT_TRUE(is_run_name(default_run_name(config, 4194304))) << config;
    }
    EXPECT_TRUE(is_run_name(default_run_name(std::string(300, 'y'), 4194304)));
}

TEST(RunEntry_, Zombie_IsDead) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    siginfo_t info = {};
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
    EXPECT_FALSE(ProcessId::of(child));
    ::waitpid(child, nullptr, 0);
    EXPECT_TRUE(ProcessId::ours().is_alive());
    EXPECT_GT(ProcessId::ours().start_time, 0u);
}

}  // namespace
}  // namespace rvmm::vmm
