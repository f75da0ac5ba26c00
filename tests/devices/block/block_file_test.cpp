#include "devices/block/block_file.hpp"

#include <optional>

#include <sys/fsuid.h>
#include <sys/stat.h>

#include "devices/block/image_file.hpp"

namespace rvmm::devices {
namespace {

using Mode = BlockFile::Mode;

void expect_refused(const std::filesystem::path& path, Mode mode, std::string_view why,
                    std::string_view advice) {
    const auto file = BlockFile::open(path, mode);
    ASSERT_FALSE(file) << path;
    EXPECT_EQ(file.error().stage(), Stage::kImage);
    EXPECT_NE(file.error().message().find(why), std::string::npos) << file.error().message();
    EXPECT_NE(file.error().message().find(path.native()), std::string::npos);
    EXPECT_EQ(file.error().message().find('\n'), std::string::npos);
    EXPECT_NE(file.error().advice().find(advice), std::string::npos) << file.error().advice();
}

TEST(BlockFile, Size_IsInWholeSectors) {
    const ImageFile image(4096 + 511);
    const auto file = BlockFile::open(image.path(), Mode::kReadWrite);
    ASSERT_TRUE(file) << file.error().message();
    EXPECT_EQ(file->sectors(), 8u);
    EXPECT_FALSE(file->read_only());
}

TEST(BlockFile, WhatIsNoDisk_IsRefusedWithTheRemedy) {
    const ImageFile image(511);
    const auto fifo = image.folder() / "fifo";
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    for (const Mode mode : {Mode::kReadOnly, Mode::kReadWrite}) {
        expect_refused(image.folder() / "nothing", mode, "No such file", "truncate -s 8G");
        expect_refused(image.folder(), mode, "is a directory", "raw image");
        expect_refused(fifo, mode, "neither a file nor a block device", "raw image");
        expect_refused("/dev/null", mode, "neither a file nor a block device", "raw image");
        expect_refused(image.path(), mode, "511 bytes, less than a sector", "truncate -s 8G");
    }
}

TEST(BlockFile, Permissions_NameTheRemedy) {
    const ImageFile image(512, std::filesystem::temp_directory_path());  // others get there
    std::filesystem::permissions(image.folder(), std::filesystem::perms(0755));
    ::chmod(image.path().c_str(), 0444);
    ::setfsuid(65534);  // as root nothing is refused; of this thread alone, no-op for others
    expect_refused(image.path(), Mode::kReadWrite, "for writing: Permission denied",
                   "set \"readonly = true\"");
    EXPECT_TRUE(BlockFile::open(image.path(), Mode::kReadOnly));
    ::setfsuid(::geteuid());
    ::chmod(image.path().c_str(), 0);
    ::setfsuid(65534);
    expect_refused(image.path(), Mode::kReadOnly, "for reading: Permission denied", "readable");
    ::setfsuid(::geteuid());
}

TEST(BlockFile, Lock_OneWriterOrManyReaders) {
    const ImageFile image(512);
    {
        const auto writer = BlockFile::open(image.path(), Mode::kReadWrite);
        ASSERT_TRUE(writer);
        expect_refused(image.path(), Mode::kReadWrite, "in use by another process",
                       "\"readonly = true\" for all");
        expect_refused(image.path(), Mode::kReadOnly, "in use by another process", "own copy");
    }
    const auto reader = BlockFile::open(image.path(), Mode::kReadOnly);
    EXPECT_TRUE(reader);
    EXPECT_TRUE(BlockFile::open(image.path(), Mode::kReadOnly));
    expect_refused(image.path(), Mode::kReadWrite, "in use by another process", "stop");
}

TEST(BlockFile, Lock_MovesWithTheFile) {
    const ImageFile image(512);
    std::optional<BlockFile> kept;
    {
        auto file = BlockFile::open(image.path(), Mode::kReadWrite);
        ASSERT_TRUE(file);
        kept.emplace(*std::move(file));
    }
    EXPECT_FALSE(BlockFile::open(image.path(), Mode::kReadWrite));
    kept.reset();
    EXPECT_TRUE(BlockFile::open(image.path(), Mode::kReadWrite));
}

}  // namespace
}  // namespace rvmm::devices
