#include "vmm/events/run_event.hpp"

#include <gtest/gtest.h>

namespace rvmm::vmm {
namespace {

/// What is left of `line` after it was read and written again.
std::string through(std::string_view line) {
    const auto event = parse_run_event(line);
    return event ? to_json(*event).dump() : "nothing";
}

TEST(RunEvent, EachKind_ComesThroughTheLab) {
    for (
        const char* line :
        {R"({"event":"phase","phase":"populate"})", R"({"event":"progress","done":1,"total":2})",
         R"({"event":"measured","profile":"p","hash":"sha256","rim":"00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff"})",
         R"({"event":"host","host":"cca","emulated":false,"revision":"v14"})",
         R"({"event":"host","host":"vm","emulated":false})", R"({"event":"first_entry"})",
         R"({"event":"first_console_byte"})", R"({"event":"first_conversion"})",
         R"({"event":"ready"})", R"({"event":"panic","detail":"why"})",
         R"({"event":"warning","text":"what"})"})
        EXPECT_EQ(through(line), line);
}

TEST(RunEvent, WhatIsNone_IsNothing) {
    for (
        const char* line :
        {"",
         "x",
         "[]",
         "7",
         "{}",
         R"({"event":7})",
         R"({"event":"start"})",
         R"({"event":"end"})",
         R"({"event":"phase"})",
         R"({"event":"phase","phase":"lunch"})",
         R"({"event":"phase","phase":1})",
         R"({"event":"progress","done":3,"total":2})",
         R"({"event":"progress","done":-1,"total":2})",
         R"({"event":"progress","done":1})",
         R"({"event":"measured","profile":"p","hash":"sha256"})",
         R"({"event":"measured","profile":"p","hash":"sha256","rim":"00ff"})",
         R"({"event":"measured","profile":"p","hash":"md5","rim":"00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff"})",
         R"({"event":"host","host":"moon","emulated":true})",
         R"({"event":"host","host":"cca","emulated":"no"})",
         R"({"event":"host","emulated":true})"})
        EXPECT_EQ(through(line), "nothing") << line;
}

TEST(RunEvent, LongTextsAndFurtherMembers_AreCut) {
    const std::string line =
        R"({"event":"warning","time":9,"text":")" + std::string(kMaxEventText + 9, 'w') + R"("})";
    EXPECT_EQ(through(line),
              R"({"event":"warning","text":")" + std::string(kMaxEventText, 'w') + R"("})");
}

TEST(RunEvent, EndWithAnError_IsAFailure) {
    const auto failure = parse_failure(R"({"event":"end","error":"why","advice":"do"})");
    ASSERT_TRUE(failure);
    EXPECT_EQ(failure->error, "why");
    EXPECT_EQ(failure->advice, "do");
    for (const char* line : {"", "[]", R"({"event":"end","exit_code":0})", R"({"error":"why"})",
                             R"({"event":"end","error":7})"})
        EXPECT_FALSE(parse_failure(line)) << line;
}

TEST(RunEvent, PanicWithoutDetail_IsAPanic) {
    EXPECT_EQ(through(R"({"event":"panic"})"), R"({"event":"panic","detail":""})");
}

}  // namespace
}  // namespace rvmm::vmm
