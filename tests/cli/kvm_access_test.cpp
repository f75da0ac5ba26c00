#include "cli/kvm_access.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

namespace rvmm::cli {
namespace {

class KvmAccessTest : public ::testing::Test {
  protected:
    KvmAccessTest()
        : path_(std::filesystem::path(::testing::TempDir()) /
                ("rvmm-recording-" + std::to_string(::getpid()))) {
        std::filesystem::remove(path_);
    }
    ~KvmAccessTest() override { std::filesystem::remove(path_); }

    std::string text() const {
        std::ifstream file(path_);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    std::filesystem::path path_;
};

TEST_F(KvmAccessTest, Lines_AreInTheFileAtOnceAndItStaysWhenFinished) {
    {
        auto access = KvmAccess::create(path_);
        ASSERT_TRUE(access) << access.error().message();
        EXPECT_TRUE((*access)->records());
        EXPECT_TRUE(text().starts_with("# rvmm "));
        // Whether this machine has KVM or not.
        const UniqueFd kvm((*access)->driver().open_kvm());
        EXPECT_NE(text().find("\nkvm OPEN"), std::string::npos);
        EXPECT_TRUE((*access)->finish());
    }
    EXPECT_NE(text().find("\nkvm OPEN"), std::string::npos);
    const auto again = KvmAccess::create(path_);
    ASSERT_FALSE(again) << "a file is never overwritten";
    EXPECT_EQ(again.error().stage(), Stage::kUsage);
}

TEST_F(KvmAccessTest, WithoutAFile_NothingIsRecorded) {
    auto access = KvmAccess::create("");
    ASSERT_TRUE(access);
    EXPECT_FALSE((*access)->records());
    EXPECT_TRUE((*access)->finish());
}

TEST_F(KvmAccessTest, FullDisk_IsAnErrorAtTheEnd) {
    struct rlimit before = {};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
    {
        auto access = KvmAccess::create(path_);
        ASSERT_TRUE(access);
        const struct rlimit full = {text().size(), before.rlim_max};
        ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
        const UniqueFd kvm((*access)->driver().open_kvm());
        const auto finished = (*access)->finish();
        ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
        ASSERT_FALSE(finished);
        EXPECT_NE(finished.error().message().find(path_.native()), std::string::npos);
    }
    EXPECT_FALSE(std::filesystem::exists(path_));
    std::signal(SIGXFSZ, handler);
}

}  // namespace
}  // namespace rvmm::cli
