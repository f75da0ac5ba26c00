#include "vmm/watch/status_port.hpp"

#include <gtest/gtest.h>

namespace rvmm::vmm {
namespace {

class StatusPortTest : public ::testing::Test {
  protected:
    void write(std::string_view text) { EXPECT_TRUE(port.put(as_bytes(text))); }

    int ready = 0;
    std::vector<int> statuses;
    StatusPort port{
        {.ready = [this] { ++ready; }, .exit = [this](int status) { statuses.push_back(status); }}};
};

TEST_F(StatusPortTest, Lines_SayHowTheGuestIs) {
    write("rea");
    EXPECT_EQ(ready, 0);
    write("dy\r\nexit 0\nexit 63\n");
    EXPECT_EQ(ready, 1);
    EXPECT_EQ(statuses, (std::vector<int>{0, 63}));
}

TEST_F(StatusPortTest, OtherLines_ArePassedOverWithOneWarning) {
    ::testing::internal::CaptureStderr();
    for (const char* line : {"\n", "exit\n", "exit \n", "exit 64\n", "exit -1\n", "exit 1 2\n",
                             "EXIT 1\n", "exit 99999999999999999999\n", "\xff\n"})
        write(line);
    write("exit 1" + std::string(1 << 20, '1') + "\n");
    const std::string warnings = ::testing::internal::GetCapturedStderr();
    EXPECT_EQ(std::ranges::count(warnings, '\n'), 1) << warnings;
    EXPECT_EQ(ready, 0);
    EXPECT_TRUE(statuses.empty());
    write("exit 7\n");
    EXPECT_EQ(statuses, std::vector<int>{7});
}

}  // namespace
}  // namespace rvmm::vmm
