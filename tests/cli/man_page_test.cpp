#include "cli/man_page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/sample_program.hpp"

namespace rvmm::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(ManPageTest, Escaping_OfWhatRoffReads_IsText) {
    EXPECT_EQ(roff_escaped("plain, text (1)"), "plain, text (1)");
    EXPECT_EQ(roff_escaped(R"(--a \n ')"), R"(\-\-a \en \(aq)");
    EXPECT_EQ(roff_escaped("a\n.b\n'c\n.\n d."), "a\n\\&.b\n\\&\\(aqc\n\\&.\n d.");
    EXPECT_EQ(roff_escaped(".TH"), "\\&.TH");
    EXPECT_EQ(roff_escaped("\"~`^"), "\\(dq\\(ti\\(ga\\(ha");
    EXPECT_EQ(roff_escaped(""), "");
}

TEST(ManPageTest, OfACommand_SaysAllOfItsDefinition) {
    const SampleProgram program;
    const CommandNode root = command_tree(program.app);
    const std::string page = man_page(root, root.commands[0]);
    EXPECT_THAT(page, StartsWith(".TH RVMM\\-GO 1 \"\" \"rvmm "));
    EXPECT_THAT(page, HasSubstr("rvmm\\-go \\- Start it: don\\(aqt wait [now]\n"));
    EXPECT_THAT(page, HasSubstr("\\fBrvmm go\\fR [\\fIOPTIONS\\fR] \\fIconfig\\fR\n"));
    EXPECT_THAT(page, HasSubstr(".TP\n\\fB\\-\\-host\\fR \\fBcca|lab\\fR\nWhere it\\(aqs run"));
    EXPECT_THAT(page, HasSubstr(".TP\n\\fB\\-o\\fR, \\fB\\-\\-output\\fR \\fIDIR\\fR\nA folder\n"));
    EXPECT_THAT(page,
                HasSubstr("\\fB\\-\\-set\\fR \\fIKEY=VALUE\\fR\nKEY=VALUE (may be repeated)"));
    EXPECT_THAT(page, HasSubstr(".SH EXIT STATUS\n"));
    EXPECT_THAT(page, HasSubstr(".SH SEE ALSO\n.BR rvmm (1),\n.BR rvmm\\-group (1)\n"));
    EXPECT_THAT(page, Not(HasSubstr("secret")));
    EXPECT_THAT(page, Not(HasSubstr("EXAMPLES")));
}

TEST(ManPageTest, OfAProgram_HasItsCommandsAndTheFootersParts) {
    const SampleProgram program;
    const CommandNode root = command_tree(program.app);
    const std::string page = man_page(root, root);
    EXPECT_THAT(page, HasSubstr(".SH EXAMPLES\n.nf\n  rvmm go a.cfg\n.fi\n"));
    EXPECT_THAT(page, HasSubstr("A program.\n.PP\nAnd this is said besides.\n.SH COMMANDS\n"));
    EXPECT_THAT(page, HasSubstr(".TP\n.BR rvmm\\-group (1)\nCommands of their own\n"));
    EXPECT_EQ(man_page_name(root.commands[1].commands[0]), "rvmm-group-inner");
}

}  // namespace
}  // namespace rvmm::cli
