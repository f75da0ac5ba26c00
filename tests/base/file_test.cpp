#include "base/file.hpp"

#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace rvmm {
namespace {

class FileTest : public ::testing::Test {
  protected:
    FileTest()
        : dir_(std::filesystem::path(::testing::TempDir()) /
               ("rvmm-file-" + std::to_string(::getpid()))) {
        std::filesystem::create_directories(dir_);
    }
    ~FileTest() override { std::filesystem::remove_all(dir_); }
    std::filesystem::path write(const char* name, std::string_view text) {
        std::ofstream(dir_ / name) << text;
        return dir_ / name;
    }
    std::filesystem::path dir_;
};

TEST_F(FileTest, ReadFile_GivesItsBytes) {
    const auto bytes = read_file("kernel", write("a", "hello"), 100);
    ASSERT_TRUE(bytes);
    EXPECT_EQ(to_hex(*bytes), "68656c6c6f");
}

TEST_F(FileTest, ReadFile_RefusesWhatIsNoFile) {
    const auto missing = read_file("kernel", dir_ / "none", 100);
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().stage(), Stage::kImage);
    EXPECT_NE(missing.error().message().find((dir_ / "none").native()), std::string::npos);
    EXPECT_NE(read_file("initrd", dir_, 100).error().message().find("is a directory"),
              std::string::npos);
    ASSERT_EQ(::mkfifo((dir_ / "fifo").c_str(), 0600), 0);
    EXPECT_NE(read_file("initrd", dir_ / "fifo", 100).error().message().find("is a FIFO"),
              std::string::npos);
    EXPECT_NE(read_file("initrd", "/dev/zero", 100).error().message().find("is a device"),
              std::string::npos);
    EXPECT_NE(
        read_file("initrd", write("big", "0123456789"), 9).error().message().find("too large"),
        std::string::npos);
}

TEST_F(FileTest, ReadOpenFile_ThatShrankIsAnError) {
    // The file is truncated between fstat and read by a size that the reader has already seen:
    // a sparse file large enough that the change lands while it is read.
    const auto path = dir_ / "shrinking";
    ASSERT_EQ(::truncate(write("shrinking", "").c_str(), 0), 0);
    ASSERT_EQ(::truncate(path.c_str(), 512 << 20), 0);
    bool seen = false;
    for (int attempt = 0; attempt < 20 && !seen; ++attempt) {
        ASSERT_EQ(::truncate(path.c_str(), 512 << 20), 0);
        const pid_t child = ::fork();
        if (child == 0) {
            ::usleep(static_cast<useconds_t>(2000 * (attempt + 1)));
            ::_exit(::truncate(path.c_str(), 4096));
        }
        const auto bytes = read_file("initrd", path, 1 << 30);
        int status = 0;
        ::waitpid(child, &status, 0);
        if (!bytes) {
            seen = true;
            EXPECT_NE(bytes.error().message().find("changed while it was read"), std::string::npos);
        } else {
            // Read whole, before or after the change: never something in between.
            EXPECT_TRUE(bytes->size() == 512u << 20 || bytes->size() == 4096u);
        }
    }
    EXPECT_TRUE(seen) << "no attempt hit the window";
}

TEST_F(FileTest, WriteNewFile_NeverOverwrites) {
    ASSERT_TRUE(write_new_file("report", dir_ / "new", as_bytes("hello")));
    EXPECT_EQ(to_hex(*read_file("report", dir_ / "new", 100)), "68656c6c6f");
    const auto again = write_new_file("report", dir_ / "new", as_bytes("other"));
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().stage(), Stage::kUsage);
    EXPECT_NE(again.error().message().find("cannot create report "), std::string::npos);
    EXPECT_EQ(to_hex(*read_file("report", dir_ / "new", 100)), "68656c6c6f");
}

}  // namespace
}  // namespace rvmm
