#include "vmm/control/json_stream.hpp"

#include <gtest/gtest.h>

namespace rvmm::vmm {
namespace {

/// What the stream makes of `text`, which comes in pieces of `step`: objects as they are, mistakes
/// as "?what".
std::vector<std::string> items_of(std::string_view text, std::size_t step = 1 << 20) {
    JsonStream stream;
    std::vector<std::string> items;
    while (!text.empty()) {
        std::string_view piece = text.substr(0, step);
        text.remove_prefix(piece.size());
        while (auto item = stream.next(piece)) {
            if (const auto* object = std::get_if<nlohmann::json>(&*item))
                items.push_back(object->dump());
            else
                items.push_back("?" + std::get<JsonStream::Mistake>(*item).what);
        }
        EXPECT_TRUE(piece.empty());
    }
    return items;
}

using Items = std::vector<std::string>;

TEST(JsonStream_, Objects_ShareLinesAndSpanThem) {
    const std::string_view text =
        " {\"a\":1}{\"b\":[{},\"}\"]}\r\n\n{\n\"c\"\n:\t\"\\\"{\"\n}   {\"d\":\"\\u00e9\xc3\xa9\"}";
    const Items expected = {R"({"a":1})", R"({"b":[{},"}"]})", R"({"c":"\"{"})",
                            "{\"d\":\"\xc3\xa9\xc3\xa9\"}"};
    for (const std::size_t step : {1U, 2U, 3U, 7U, 1000U})
        EXPECT_EQ(items_of(text, step), expected);
}

TEST(JsonStream_, SingleQuotes_AreQuotesToo) {
    EXPECT_EQ(items_of(R"({'execute': 'say "it\'s"', "b": "it\'s '"})"),
              Items{R"({"b":"it's '","execute":"say \"it's\""})"});
}

TEST(JsonStream_, BadSyntax_IsOneMistakeAndTheNextObjectCounts) {
    for (const std::string_view bad : {"{ \"execute\": }",
                                       "{'a':1]",
                                       "{\"a\":[}",
                                       "{\"a\" 1}",
                                       "{\"a\":01}",
                                       "{\"a\":1e999}",
                                       "{,}",
                                       "[{\"execute\":\"quit\"}]",
                                       "[]",
                                       "42",
                                       "null",
                                       "\"text {}\"",
                                       "}",
                                       "xyz {}",
                                       "{\"a\":\"\\x\"}",
                                       "{\"a\":\"\\ud800\"}",
                                       "{\"a\":\"\xc3\x28\"}",
                                       "{\"a\xc0\xaf\":1}",
                                       "{\"a\":\"\xed\xa0\x80\"}",
                                       "{\"unfinished",
                                       "{\"unfinished\\",
                                       "{\"unfinished\\\r",
                                       "{\"tab\\\t\"}"}) {
        const auto items = items_of(std::string(bad) + "\n{\"good\":1}\n");
        ASSERT_EQ(items.size(), 2u) << bad;
        EXPECT_TRUE(items[0].starts_with('?')) << bad;
        EXPECT_EQ(items[1], R"({"good":1})") << bad;
    }
}

TEST(JsonStream_, ControlCharacterOrFf_EndsAnything) {
    for (const char end : {'\x01', '\x1b', '\xff', '\0'})
        for (const std::string_view open : {"{\"a\": ", "{\"a", "{\"a\\", "[[[", ""}) {
            const auto items = items_of(std::string(open) + end + "{\"good\":1}");
            ASSERT_EQ(items.size(), 2u) << open;
            EXPECT_TRUE(items[0].starts_with('?'));
            EXPECT_EQ(items[1], R"({"good":1})");
        }
}

TEST(JsonStream_, TooDeep_IsRefused) {
    const auto nested = [](std::size_t depth) {
        return "{\"a\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
    };
    EXPECT_EQ(items_of(nested(JsonStream::kMaxDepth)).front().front(), '{');
    EXPECT_EQ(items_of(nested(JsonStream::kMaxDepth + 1)),
              Items{"?JSON is nested more than 32 deep"});
    EXPECT_EQ(items_of(std::string(1 << 20, '[')).size(), 1u);
}

TEST(JsonStream_, TooLarge_IsFatal) {
    const auto object = [](std::size_t size) {
        return "{\"a\":\"" + std::string(size - 8, 'x') + "\"}";
    };
    EXPECT_EQ(items_of(object(JsonStream::kMaxObject)).front().front(), '{');
    JsonStream stream;
    const std::string text = object(JsonStream::kMaxObject + 1);
    std::string_view bytes(text);
    const auto item = stream.next(bytes);
    ASSERT_TRUE(item);
    EXPECT_TRUE(std::get<JsonStream::Mistake>(*item).fatal);
    // White space counts inside only.
    const std::string space(2 * JsonStream::kMaxObject, ' ');
    EXPECT_EQ(items_of(space + "{}"), Items{"{}"});
    EXPECT_EQ(items_of("{" + space + "}").front().front(), '?');
}

}  // namespace
}  // namespace rvmm::vmm
