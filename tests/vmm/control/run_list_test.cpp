#include "vmm/control/run_list.hpp"

#include <gtest/gtest.h>

namespace rvmm::vmm {
namespace {

TEST(RunList_, Replies_BecomeText) {
    const auto text = [](const char* reply) { return reply_text(nlohmann::json::parse(reply)); };
    EXPECT_EQ(*text(R"({"return":{}})"), "");
    EXPECT_EQ(*text(R"({"return":{"status":"paused","running":false}})"), "paused\n");
    EXPECT_EQ(*text(R"({"return":[1]})"), "[\n  1\n]\n");
    EXPECT_EQ(*text(R"({"return":{"status":"\u001b[2J\n"}})"), "?[2J?\n");
    EXPECT_EQ(text(R"({"error":{"desc":"\u001b[2J\n"}})").error().message(), "?[2J?");
    for (const char* bad :
         {R"({"error":{"class":"GenericError","desc":"no key"}})", R"({"error":1})", "{}"}) {
        const auto made = text(bad);
        ASSERT_FALSE(made) << bad;
        EXPECT_EQ(made.error().stage(), Stage::kLaunch);
    }
    EXPECT_EQ(request_for("powerdown"), R"({"execute":"system_powerdown"})");
    EXPECT_FALSE(request_for("reset"));
}

TEST(RunList_, Request_IsOneObject) {
    for (const char* good : {"{}", " {\"a\":{}}\n", "{\n\"a\": [1]\n}", "{'execute': 'stop'}"})
        EXPECT_TRUE(check_request(good)) << good;
    for (const std::string bad : {"", "{", "{\"a", "{\"a\\", "{\"a\":1", "[1]", "1", "{}{}", "{} {",
                                  "{}x", "{\"a\" 1}", "{\"\xff\":1}"}) {
        const auto checked = check_request(bad);
        ASSERT_FALSE(checked) << bad;
        EXPECT_EQ(checked.error().stage(), Stage::kUsage);
    }
}

}  // namespace
}  // namespace rvmm::vmm
