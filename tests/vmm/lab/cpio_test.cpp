#include "vmm/lab/cpio.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.hpp"

namespace rvmm::vmm::lab {
namespace {

namespace fs = std::filesystem;

class Scratch {
  public:
    Scratch() {
        std::string name = fs::temp_directory_path() / "rvmm-cpio-XXXXXX";
        path_ = ::mkdtemp(name.data());
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() { fs::remove_all(path_); }
    const fs::path& path() const { return path_; }

  private:
    fs::path path_;
};

Bytes sample_archive() {
    CpioArchive archive;
    EXPECT_TRUE(archive.add_parents("a/b/c"));
    EXPECT_TRUE(archive.add_file("a/b/c", as_bytes("hello"), 0640));
    EXPECT_TRUE(archive.add_parents("a/b/empty"));
    EXPECT_TRUE(archive.add_file("a/b/empty", {}, 0755));
    EXPECT_TRUE(archive.add_symlink("a/link", "b/c"));
    EXPECT_TRUE(archive.add_directory("tmp", 01777));
    return std::move(archive).finish(512);
}

mode_t mode_of(const fs::path& path) {
    struct stat status = {};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
    return status.st_mode;
}

TEST(CpioArchive, UnpackedByCpio_GivesTheFilesBack) {
    const Scratch scratch;
    const Bytes archive = sample_archive();
    std::ofstream(scratch.path() / "archive")
        .write(reinterpret_cast<const char*>(archive.data()),
               static_cast<std::streamsize>(archive.size()));
    const std::string command = "cd '" + scratch.path().native() +
                                "' && mkdir out && cd out && cpio -idm --quiet <../archive";
    ASSERT_EQ(std::system(command.c_str()), 0);

    const fs::path out = scratch.path() / "out";
    const auto content = read_file("file", out / "a/b/c", 100);
    ASSERT_TRUE(content);
    EXPECT_EQ(to_hex(*content), to_hex(as_bytes("hello")));
    EXPECT_EQ(mode_of(out / "a/b/c"), mode_t{S_IFREG | 0640});
    EXPECT_EQ(mode_of(out / "a/b/empty"), mode_t{S_IFREG | 0755});
    EXPECT_EQ(fs::file_size(out / "a/b/empty"), 0U);
    EXPECT_EQ(mode_of(out / "a/b"), mode_t{S_IFDIR | 0755});
    EXPECT_EQ(mode_of(out / "tmp"), mode_t{S_IFDIR | 01777});
    EXPECT_EQ(fs::read_symlink(out / "a/link"), "b/c");
}

TEST(CpioArchive, SameCalls_GiveTheSameBytes) {
    EXPECT_EQ(sample_archive(), sample_archive());
}

TEST(CpioArchive, Finish_PadsToBlocksAndAlignsEntries) {
    EXPECT_EQ(sample_archive().size() % 512, 0U);
    CpioArchive archive;
    EXPECT_TRUE(archive.empty());
    for (const std::string_view name : {"a", "ab", "abc", "abcd", "abcde"}) {
        ASSERT_TRUE(archive.add_file(name, as_bytes(name), 0644));
        EXPECT_EQ(archive.size() % 4, 0U);
    }
    EXPECT_FALSE(archive.empty());
}

TEST(CpioArchive, Header_IsNewc) {
    CpioArchive archive;
    ASSERT_TRUE(archive.add_file("f", as_bytes("x"), 0644));
    const Bytes bytes = std::move(archive).finish(4);
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    EXPECT_EQ(text.substr(0, 116), std::string_view("070701"
                                                    "00000001"
                                                    "000081a4"
                                                    "00000000"
                                                    "00000000"
                                                    "00000001"
                                                    "00000000"
                                                    "00000001"
                                                    "00000000"
                                                    "00000000"
                                                    "00000000"
                                                    "00000000"
                                                    "00000002"
                                                    "00000000"
                                                    "f\0x\0\0\0",
                                                    116));
}

TEST(CpioArchive, BadPath_IsRefused) {
    const std::string long_path(5000, 'x');
    for (const std::string_view path :
         {std::string_view(""), std::string_view("/a"), std::string_view("a/"),
          std::string_view("a//b"), std::string_view("."), std::string_view("a/../b"),
          std::string_view("a\0b", 3), std::string_view(long_path)}) {
        CpioArchive archive;
        const auto added = archive.add_file(path, {}, 0644);
        ASSERT_FALSE(added) << path;
        EXPECT_EQ(added.error().stage(), Stage::kImage);
        EXPECT_TRUE(archive.empty());
    }
}

}  // namespace
}  // namespace rvmm::vmm::lab
