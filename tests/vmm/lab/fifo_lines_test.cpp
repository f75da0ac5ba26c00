#include "vmm/lab/fifo_lines.hpp"

#include <chrono>
#include <filesystem>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

namespace rvmm::vmm::lab {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class FifoLinesTest : public ::testing::Test {
  protected:
    FifoLinesTest()
        : path_((std::filesystem::path(::testing::TempDir()) /
                 ("rvmm-fifo-" + std::to_string(::getpid())))
                    .native()) {
        std::filesystem::remove(path_);
        auto made = FifoLines::create(io_, path_,
                                      [this](std::string_view line) { got_.emplace_back(line); });
        EXPECT_TRUE(made) << made.error().message();
        lines_ = *std::move(made);
    }
    ~FifoLinesTest() override { std::filesystem::remove(path_); }

    UniqueFd writer() const { return UniqueFd(::open(path_.c_str(), O_WRONLY | O_CLOEXEC)); }
    static void write(const UniqueFd& fd, std::string_view text) {
        EXPECT_EQ(::write(fd.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    /// Runs the loop until `count` lines came.
    void wait_for(std::size_t count) {
        const auto deadline = std::chrono::steady_clock::now() + 20s;
        while (got_.size() < count && std::chrono::steady_clock::now() < deadline)
            io_.run_one_for(1s);
    }

    std::string path_;
    asio::io_context io_{1};
    std::vector<std::string> got_;
    std::unique_ptr<FifoLines> lines_;
};

TEST_F(FifoLinesTest, Lines_ComeWholeFromSeveralWritersInTurn) {
    {
        const UniqueFd first = writer();
        write(first, "one\ntw");
        io_.run_one_for(100ms);
        write(first, "o\n");
    }
    write(writer(), "three\n");
    wait_for(3);
    EXPECT_THAT(got_, ElementsAre("one", "two", "three"));
}

TEST_F(FifoLinesTest, Rest_IsReadWithoutTheLoop) {
    write(writer(), "one\nhalf");
    lines_->read_rest();
    EXPECT_THAT(got_, ElementsAre("one"));
}

TEST_F(FifoLinesTest, LineThatIsTooLong_IsLeftOut) {
    const UniqueFd fd = writer();
    write(fd, std::string(kMaxFollowedLine / 2, 'x'));
    lines_->read_rest();
    write(fd, std::string(kMaxFollowedLine / 2 + 1, 'x') + "\nnext\n");
    lines_->read_rest();
    EXPECT_THAT(got_, ElementsAre("next"));
}

TEST_F(FifoLinesTest, LineWithoutEnd_IsTheLast) {
    const UniqueFd fd = writer();
    for (std::size_t size = 0; size <= kMaxLine; size += 32768) {
        write(fd, std::string(32768, 'x'));
        lines_->read_rest();
    }
    write(fd, "\nnext\n");
    lines_->read_rest();
    EXPECT_THAT(got_, IsEmpty());
}

TEST_F(FifoLinesTest, PathThatIsThere_IsAnError) {
    const auto again = FifoLines::create(io_, path_, [](std::string_view) {});
    ASSERT_FALSE(again);
    EXPECT_NE(again.error().message().find("File exists"), std::string::npos);
}

}  // namespace
}  // namespace rvmm::vmm::lab
