#include "cli/command_tree.hpp"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/completion.hpp"
#include "cli/sample_program.hpp"

namespace rvmm::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> paths_of(const CommandNode& root) {
    std::vector<std::string> paths;
    for (const CommandNode* node : all_commands(root)) paths.push_back(joined(node->path, " "));
    return paths;
}

const CommandArgument& option_of(const CommandNode& node, const std::string& name) {
    const auto found = std::ranges::find_if(node.options, [&](const CommandArgument& option) {
        return std::ranges::find(option.names, name) != option.names.end();
    });
    EXPECT_NE(found, node.options.end()) << name;
    return found == node.options.end() ? node.options.front() : *found;
}

TEST(CommandTreeTest, OfAProgram_HasItsCommandsInOrderButNotTheHiddenOnes) {
    const SampleProgram program;
    const CommandNode root = command_tree(program.app);
    EXPECT_THAT(paths_of(root), ElementsAre("rvmm", "rvmm go", "rvmm group", "rvmm group inner"));
    EXPECT_FALSE(root.commands[0].takes_rest);
    EXPECT_TRUE(root.commands[1].commands[0].takes_rest);
    for (const CommandArgument& option : root.commands[0].options)
        EXPECT_THAT(option.names, Not(ElementsAre("--secret")));
}

TEST(CommandTreeTest, OfArguments_SaysWhatEachTakes) {
    const SampleProgram program;
    const CommandNode go = command_tree(program.app).commands[0];
    EXPECT_EQ(option_of(go, "--fast").kind, ValueKind::kNone);
    EXPECT_EQ(option_of(go, "--name").kind, ValueKind::kFile);
    EXPECT_EQ(option_of(go, "--set").kind, ValueKind::kOther);
    EXPECT_TRUE(option_of(go, "--set").repeatable);
    EXPECT_FALSE(option_of(go, "--name").repeatable);
    EXPECT_EQ(option_of(go, "--output").kind, ValueKind::kFolder);
    EXPECT_THAT(option_of(go, "--output").names, ElementsAre("-o", "--output"));
    const CommandArgument& host = option_of(go, "--host");
    EXPECT_EQ(host.kind, ValueKind::kWord);
    EXPECT_THAT(host.members, ElementsAre("cca", "lab"));
    EXPECT_EQ(host.value, "cca|lab");
    EXPECT_EQ(option_of(go, "--count").kind, ValueKind::kOther);
    EXPECT_THAT(option_of(go, "--count").limits, HasSubstr("[1 - 9]"));
    ASSERT_EQ(go.positionals.size(), 1U);
    EXPECT_EQ(go.positionals[0].kind, ValueKind::kFile);
    EXPECT_EQ(go.positionals[0].value, "FILE");
    EXPECT_TRUE(go.positionals[0].required);
}

/// What help texts say reaches the shells as it is.
TEST(CompletionsTest, OfHelpTexts_QuoteThem) {
    const SampleProgram program;
    const CommandNode root = command_tree(program.app);
    const std::string zsh = zsh_completion(root);
    EXPECT_THAT(zsh, HasSubstr(R"('go:Start it: don'\''t wait [now]')"));
    EXPECT_THAT(zsh, HasSubstr(R"('(--host)--host=[Where it'\''s run\: "here" or there]:)"));
    EXPECT_THAT(zsh, HasSubstr(R"([No time to lose \\ at all])"));
    const std::string fish = fish_completion(root);
    EXPECT_THAT(fish, HasSubstr(R"(-d 'Start it: don\'t wait [now]')"));
    EXPECT_THAT(fish, HasSubstr(R"(-d 'No time to lose \\ at all')"));
    for (const std::string& script : {zsh, fish, bash_completion(root)}) {
        EXPECT_THAT(script, Not(HasSubstr("secret")));
        EXPECT_THAT(script, Not(HasSubstr("hidden")));
    }
}

}  // namespace
}  // namespace rvmm::cli
