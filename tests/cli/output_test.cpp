#include "cli/output.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>
#include <unistd.h>

namespace rvmm::cli {
namespace {

namespace fs = std::filesystem;

class NewFileTest : public ::testing::Test {
  protected:
    NewFileTest()
        : folder_(fs::path(::testing::TempDir()) /
                  ("rvmm-new-file-" + std::to_string(::getpid()))) {
        fs::remove_all(folder_);
        fs::create_directory(folder_);
    }
    ~NewFileTest() override { fs::remove_all(folder_); }

    fs::path path() const { return folder_ / "file"; }
    static std::string text(const fs::path& path) {
        std::ifstream file(path);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    static void expect_refused(const fs::path& path) {
        const auto refused = NewFile::create(path, "report");
        ASSERT_FALSE(refused) << path;
        EXPECT_EQ(refused.error().stage(), Stage::kUsage);
    }

    fs::path folder_;
};

TEST_F(NewFileTest, WholeFile_IsThereWhenItIsFinished) {
    {
        auto file = NewFile::create(path(), "report");
        ASSERT_TRUE(file) << file.error().message();
        EXPECT_TRUE(file->write("all of it"));
        EXPECT_TRUE(file->flush());
        EXPECT_TRUE(fs::is_empty(folder_)) << "a killed process would leave it";
        EXPECT_TRUE(file->finish());
    }
    EXPECT_EQ(text(path()), "all of it");
    // As one that is made at once.
    const fs::path other = folder_ / "other";
    {
        std::ignore = NewFile::create(other, "recording", NewFile::Appears::kAtOnce)->finish();
    }
    EXPECT_EQ(fs::status(path()).permissions(), fs::status(other).permissions());
}

TEST_F(NewFileTest, UnfinishedFile_IsNotThere) {
    for (const auto appears : {NewFile::Appears::kWhole, NewFile::Appears::kAtOnce}) {
        {
            auto file = NewFile::create(path(), "report", appears);
            ASSERT_TRUE(file);
            EXPECT_EQ(fs::exists(path()), appears == NewFile::Appears::kAtOnce);
            EXPECT_TRUE(file->write("half"));
        }
        EXPECT_TRUE(fs::is_empty(folder_));
    }
}

TEST_F(NewFileTest, WhatIsThere_IsNeverOverwritten) {
    std::ofstream(path()) << "mine";
    expect_refused(path());
    fs::create_symlink("nowhere", folder_ / "link");
    expect_refused(folder_ / "link");
    expect_refused(folder_);
    expect_refused(folder_ / "none" / "file");
    expect_refused(folder_ / "file" / "below");
    expect_refused("");
    expect_refused(folder_ / "folder" / "");
    expect_refused(folder_ / std::string(300, 'x'));
    EXPECT_EQ(text(path()), "mine");
}

TEST_F(NewFileTest, PathThatIsTakenMeanwhile_IsAnErrorAndKept) {
    auto file = NewFile::create(path(), "report");
    ASSERT_TRUE(file);
    EXPECT_TRUE(file->write("ours"));
    std::ofstream(path()) << "mine";
    const auto finished = file->finish();
    ASSERT_FALSE(finished);
    EXPECT_EQ(finished.error().stage(), Stage::kUsage);
    EXPECT_EQ(text(path()), "mine");
}

TEST_F(NewFileTest, FileInTheCurrentFolder_NeedsNoSlash) {
    const fs::path before = fs::current_path();
    fs::current_path(folder_);
    EXPECT_TRUE(NewFile::create("file", "report")->finish());
    fs::current_path(before);
    EXPECT_TRUE(fs::exists(path()));
}

}  // namespace
}  // namespace rvmm::cli
