// The report of a run, and what a person is shown of it.
#include "vmm/run/report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rvmm::vmm {
namespace {

TEST(Stats, Report_IsALineForEachThing) {
    const std::string report =
        R"({"tool":"rvmm 1","milliseconds":{"launch":1.5,"total":20.25},)"
        R"("exits":{"mmio":12,"memory_faults":3},"memory":{"shared_bytes":8},)"
        R"("devices":[{"name":"disk0","notifications":4,"io_errors":0},)"
        R"({"name":"rng0","errors":1,"last_error":"a broken queue"}]})";
    EXPECT_THAT(stats_of(report),
                ::testing::ElementsAre("milliseconds: launch 1.5, total 20.25",
                                       "exits: mmio 12, memory faults 3", "memory: shared bytes 8",
                                       "disk0: notifications 4, io errors 0",
                                       "rng0: errors 1, last error a broken queue"));
}

TEST(Stats, NameWithAnUnderscore_StaysAsTheConfigHasIt) {
    EXPECT_THAT(stats_of(R"({"devices":[{"name":"my_disk","read_bytes":1}]})"),
                ::testing::ElementsAre("my_disk: read bytes 1"));
}

TEST(Stats, ErrorOfADriver_IsShownAsItIs) {
    EXPECT_THAT(stats_of(R"({"devices":[{"name":"d","last_error":"my_disk: no status"}]})"),
                ::testing::ElementsAre("d: last error my_disk: no status"));
}

TEST(Stats, NoReport_IsNothing) {
    for (const char* text : {"", "no JSON", "[1]", "{}", R"({"devices":[]})"})
        EXPECT_TRUE(stats_of(text).empty()) << text;
}

}  // namespace
}  // namespace rvmm::vmm
