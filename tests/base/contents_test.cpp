#include "base/contents.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/unique_fd.hpp"

namespace rvmm {
namespace {

class ContentsTest : public ::testing::Test {
  protected:
    ContentsTest() {
        std::string name = ::testing::TempDir() + "contents-XXXXXX";
        folder_ = ::mkdtemp(name.data());
        path_ = folder_ / "file";
    }
    ~ContentsTest() override { std::filesystem::remove_all(folder_); }

    void write(std::size_t size) const {
        std::ofstream file(path_, std::ios::binary);
        for (std::size_t i = 0; i < size; ++i) file.put(static_cast<char>(i * 7 + i / 4096));
    }
    Result<Contents> open(Reading reading, std::uint64_t limit = 1U << 30) const {
        return Contents::of_file("initrd", path_, limit, reading);
    }
    std::filesystem::path folder_, path_;
};

TEST_F(ContentsTest, BothReadings_GiveTheSameBytesAndZerosBehindThem) {
    for (const std::size_t size : {1UL, 4095UL, 4096UL, 65536UL, 65537UL, 300'000UL}) {
        write(size);
        const auto own = open(Reading::kOwn);
        const auto mapped = open(Reading::kMap);
        ASSERT_TRUE(own && mapped) << size;
        EXPECT_EQ(own->size(), size);
        EXPECT_TRUE(std::ranges::equal(own->source(), mapped->source())) << size;
        for (const std::uint64_t granule : {4096U, 16384U, 65536U}) {
            EXPECT_EQ(own->padded(granule).size(), (size + granule - 1) / granule * granule);
            EXPECT_TRUE(std::ranges::equal(own->padded(granule), mapped->padded(granule)));
            EXPECT_TRUE(std::ranges::all_of(mapped->padded(granule).subspan(size),
                                            [](std::byte b) { return b == std::byte{0}; }));
        }
        EXPECT_TRUE(mapped->check_unchanged());
    }
}

TEST_F(ContentsTest, EmptyFile_HasNothing) {
    write(0);
    for (const Reading reading : {Reading::kOwn, Reading::kMap}) {
        const auto contents = open(reading);
        ASSERT_TRUE(contents);
        EXPECT_EQ(contents->size(), 0U);
        EXPECT_TRUE(contents->padded(4096).empty());
    }
}

TEST_F(ContentsTest, OwnBytes_OutliveTheFilesChange) {
    write(100'000);
    const auto own = open(Reading::kOwn);
    ASSERT_TRUE(own);
    const Bytes before(own->source().begin(), own->source().end());
    std::filesystem::resize_file(path_, 10);
    EXPECT_TRUE(std::ranges::equal(own->source(), before));
    EXPECT_TRUE(own->check_unchanged());
}

TEST_F(ContentsTest, MappedFileThatIsWrittenTo_IsTold) {
    write(100'000);
    const auto mapped = open(Reading::kMap);
    ASSERT_TRUE(mapped);
    std::fstream(path_, std::ios::in | std::ios::out | std::ios::binary).put('X');
    const auto checked = mapped->check_unchanged();
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().stage(), Stage::kImage);
    EXPECT_EQ(checked.error().message(),
              fmt::format("initrd {} changed while it was read", path_.native()));
}

TEST_F(ContentsTest, MappedFileThatIsTruncated_ReadsAsZerosAndIsTold) {
    write(1U << 20);
    const auto mapped = open(Reading::kMap);
    ASSERT_TRUE(mapped);
    std::filesystem::resize_file(path_, 4096);
    EXPECT_EQ(mapped->source()[500'000], std::byte{0});
    EXPECT_EQ(mapped->source()[500'001], std::byte{0});
    const auto checked = mapped->check_unchanged();
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().message(),
              fmt::format("initrd {} was truncated while it was read", path_.native()));
}

TEST_F(ContentsTest, BusErrorsElsewhere_StillEndTheProcess) {
    write(1U << 20);
    const auto guarded = open(Reading::kMap);
    ASSERT_TRUE(guarded);
    const auto unguarded = [&] {
        const UniqueFd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
        const auto mapping = Mapping::create("test", 1U << 20, PROT_READ, MAP_PRIVATE, fd.get());
        std::filesystem::resize_file(path_, 0);
        const volatile std::byte* data = mapping->data();
        (void)data[500'000];
    };
    EXPECT_DEATH(unguarded(), "");  // by the signal, or by a sanitizer that handles it
}

TEST_F(ContentsTest, FileAboveTheLimit_IsRefused) {
    write(5000);
    for (const Reading reading : {Reading::kOwn, Reading::kMap}) {
        const auto refused = open(reading, 4999);
        ASSERT_FALSE(refused);
        EXPECT_EQ(
            refused.error().message(),
            fmt::format("initrd {} is too large: 5000 bytes, at most 4999 fit", path_.native()));
    }
}

TEST(Contents, Copy_IsPaddedToo) {
    const auto copy = Contents::copy(as_bytes("abc"));
    ASSERT_TRUE(copy);
    EXPECT_EQ(copy->size(), 3U);
    EXPECT_EQ(copy->padded(65536).size(), 65536U);
    EXPECT_EQ(copy->padded(4096)[3], std::byte{0});
}

}  // namespace
}  // namespace rvmm
