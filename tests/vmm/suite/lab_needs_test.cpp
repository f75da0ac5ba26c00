// The memory and the time that a suite's lab gets.
#include "vmm/suite/lab_needs.hpp"

#include <gtest/gtest.h>

#include "vmm/lab/lab_machine.hpp"

namespace rvmm::vmm::suite {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kGiB = 1ULL << 30;
constexpr std::uint64_t kMiB = 1ULL << 20;

lab::LabFile lab_file(std::size_t bytes) {
    return {"/job/blob", std::make_shared<const Bytes>(bytes)};
}

TEST(SuiteLabMemory, LargestGuestsAtATime_AreCountedTwice) {
    EXPECT_EQ(suite_lab_memory({kGiB, 4 * kGiB, 2 * kGiB}, 2, {}), 13 * kGiB);
    EXPECT_EQ(suite_lab_memory({kGiB}, 4, {}), 3 * kGiB);
    EXPECT_EQ(suite_lab_memory({}, 4, {}), 3 * kGiB);
    EXPECT_EQ(suite_lab_memory({400 * kGiB}, 1, {}), lab::kMostLabMemory);
}

TEST(SuiteLabMemory, Files_AreCountedTwiceToo) {
    EXPECT_EQ(suite_lab_memory({kGiB}, 4, {lab_file(5 * kMiB), lab_file(3 * kMiB)}),
              3 * kGiB + 16 * kMiB);
    // Their sizes are no whole MiB, and a lab's memory is.
    const std::uint64_t memory = suite_lab_memory({kGiB}, 4, {lab_file(5 * kMiB + 1)});
    EXPECT_EQ(memory, 3 * kGiB + 10 * kMiB);
    EXPECT_TRUE(lab::is_lab_memory(memory));
}

TEST(SuiteLabTime, Commands_FitInAnyOrder) {
    EXPECT_EQ(suite_lab_time({}, 4), 60s);
    // Each has its grace twice.
    const std::vector<CaseCommand> commands = {{{}, 80s}, {{}, 180s}};
    EXPECT_EQ(suite_lab_time(commands, 1), 300s + 200s + 60s);
    EXPECT_EQ(suite_lab_time(commands, 2), 150s + 200s + 60s);
}

TEST(SuiteLabTime, ManyLongOnes_GetAYear) {
    const std::vector<CaseCommand> commands(10'000, {{}, 2000h});
    EXPECT_EQ(suite_lab_time(commands, 1), 366 * 24h);
    EXPECT_EQ(suite_lab_time({{{}, std::chrono::nanoseconds::max()}}, 1), 366 * 24h);
}

}  // namespace
}  // namespace rvmm::vmm::suite
