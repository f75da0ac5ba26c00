// Which files are tests, what their cases are called, and which are meant.
#include "vmm/suite/test_case.hpp"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace rvmm::vmm::suite {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class FindCases : public testing::Test {
  protected:
    void SetUp() override {
        fs::remove_all(folder_);
        write("b.test.toml", "host = \"lab\"\n[vary]\nvcpus = [1, 2]");
        write("a/x.test.toml", "");
        write("a/not-a-test.toml", "nonsense");
    }
    void TearDown() override { fs::remove_all(folder_); }

    void write(const fs::path& name, const std::string& text) const {
        fs::create_directories((folder_ / name).parent_path());
        std::ofstream(folder_ / name) << "image = \"i.cfg\"\n" << text;
    }
    std::vector<std::string> names(const SuiteWishes& wishes, const Shard& shard = {}) const {
        const auto cases = find_cases(wishes);
        if (!cases) return {cases.error().message()};
        std::vector<std::string> all;
        for (const TestCase& one : share_of(*cases, shard))
            all.push_back(one.name() + (one.skipped.empty() ? "" : " #" + one.skipped));
        return all;
    }

    fs::path folder_ = fs::path(RVMM_TEST_OUTPUT) / fmt::format("find_cases_{}", ::getpid());
};

TEST_F(FindCases, Folder_GivesAllBelowInOrder) {
    EXPECT_THAT(names({.paths = {folder_}}), ElementsAre("a/x", "b/vcpus=1", "b/vcpus=2"));
}

TEST_F(FindCases, Shards_HaveEachCaseOnce) {
    EXPECT_THAT(names({.paths = {folder_}}, {1, 2}), ElementsAre("a/x", "b/vcpus=2"));
    EXPECT_THAT(names({.paths = {folder_}}, {2, 2}), ElementsAre("b/vcpus=1"));
    EXPECT_THAT(names({.paths = {folder_}}, {4, 4}), ElementsAre());
}

TEST_F(FindCases, SkippedCases_TakeNoShareFromOthers) {
    write("a/y.test.toml", "");
    const SuiteWishes wishes = {.paths = {folder_}, .host = RunsOn::kCca};
    const std::string why = " #it is for host lab, and --host is cca";
    EXPECT_THAT(names(wishes, {1, 2}), ElementsAre("a/x", "b/vcpus=1" + why));
    EXPECT_THAT(names(wishes, {2, 2}), ElementsAre("a/y", "b/vcpus=2" + why));
    EXPECT_EQ(why_all_are_skipped(*find_cases(wishes)), "");
    EXPECT_EQ(why_all_are_skipped(
                  *find_cases({.paths = {folder_ / "b.test.toml"}, .host = RunsOn::kCca})),
              "it is for host lab, and --host is cca");
    EXPECT_EQ(why_all_are_skipped({}), "");
}

TEST(Shard, WhatIsNone_IsNothing) {
    const auto shard = Shard::parse("3/8");
    ASSERT_TRUE(shard);
    EXPECT_EQ(shard->number, 3U);
    EXPECT_EQ(shard->of, 8U);
    for (const char* text : {"", "3", "/", "0/2", "3/2", "1/0", "-1/2", "1/2/3", "a/b", "1/10001"})
        EXPECT_FALSE(Shard::parse(text)) << text;
}

TEST_F(FindCases, FileTwice_IsThereOnce) {
    EXPECT_THAT(names({.paths = {folder_ / "a/x.test.toml", folder_ / "a/../a/x.test.toml"}}),
                ElementsAre("x"));
}

TEST_F(FindCases, FilesOfOneName_AreToldApart) {
    write("c/x.test.toml", "");
    const auto found = names({.paths = {folder_ / "a/x.test.toml", folder_ / "c/x.test.toml"}});
    EXPECT_THAT(found, ElementsAre(HasSubstr((folder_.filename() / "a/x").native()),
                                   HasSubstr((folder_.filename() / "c/x").native())));
}

TEST_F(FindCases, FilesThatDifferInTheirSuffix_AreToldApart) {
    write("a/x.toml", "");
    EXPECT_THAT(names({.paths = {folder_ / "a/x.test.toml", folder_ / "a/x.toml"}}),
                ElementsAre(HasSubstr("a/x.test.toml"), HasSubstr("a/x.toml")));
}

TEST_F(FindCases, FilterAndRepeat_ChooseAndMultiply) {
    const auto filter = Pattern::compile("--filter", "vcpus=[2]");
    EXPECT_THAT(names({.paths = {folder_}, .filter = *filter, .repeat = 3}),
                ElementsAre("b/vcpus=2", "b/vcpus=2@2", "b/vcpus=2@3"));
    const auto none = Pattern::compile("--filter", "nothing");
    EXPECT_THAT(names({.paths = {folder_}, .filter = *none}),
                ElementsAre("no case has a name in which nothing is found"));
    EXPECT_THAT(names({.paths = {folder_}, .repeat = 4000}),
                ElementsAre("--repeat 4000 makes more than 10000 cases"));
}

TEST_F(FindCases, OtherHost_IsSkipped) {
    EXPECT_THAT(names({.paths = {folder_}, .host = RunsOn::kCca}),
                ElementsAre("a/x", "b/vcpus=1 #it is for host lab, and --host is cca",
                            "b/vcpus=2 #it is for host lab, and --host is cca"));
}

TEST_F(FindCases, NoHost_IsAnError) {
    const auto cases = find_cases({.paths = {folder_}});
    ASSERT_TRUE(cases);
    const auto checked = check_hosts(*cases);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().stage(), Stage::kUsage);
    EXPECT_THAT(checked.error().message(), HasSubstr("a/x.test.toml names no host to run on"));
    const auto named = find_cases({.paths = {folder_}, .host = RunsOn::kCca});
    ASSERT_TRUE(named);
    EXPECT_TRUE(check_hosts(*named));
}

TEST_F(FindCases, NothingThere_IsAnError) {
    fs::create_directories(folder_ / "empty");
    EXPECT_THAT(names({.paths = {folder_ / "empty"}}),
                ElementsAre(HasSubstr("there is no *.test.toml in ")));
    EXPECT_THAT(names({.paths = {folder_ / "none"}}), ElementsAre(HasSubstr("cannot read ")));
}

TEST(TestCases, CutNames_StayUnique) {
    const std::string longer(100, 'x');
    const auto spec = TestSpec::parse(
        fmt::format("image = \"a\"\n[vary]\n\"boot.cmdline\" = [\"{}1\", \"{}2\"]", longer, longer),
        "a.test.toml");
    ASSERT_TRUE(spec);
    const auto cases = make_cases(std::make_shared<const TestSpec>(*spec), "a");
    EXPECT_NE(cases[0].settings, cases[1].settings);
}

}  // namespace
}  // namespace rvmm::vmm::suite
