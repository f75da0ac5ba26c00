#include "realm/layout/dts.hpp"

#include <array>

#include <gmock/gmock.h>
#include <libfdt.h>

namespace rvmm::realm {
namespace {

using ::testing::HasSubstr;

/// A tree with one property under its root, and `depth` nodes below it, one in another.
Bytes tree(std::string_view name, ByteSpan value, int depth = 0, const char* node = "n") {
    Bytes bytes(16384);
    void* fdt = bytes.data();
    EXPECT_EQ(fdt_create(fdt, 16384), 0);
    EXPECT_EQ(fdt_finish_reservemap(fdt), 0);
    EXPECT_EQ(fdt_begin_node(fdt, ""), 0);
    EXPECT_EQ(
        fdt_property(fdt, std::string(name).c_str(), value.data(), static_cast<int>(value.size())),
        0);
    for (int i = 0; i < depth; ++i) EXPECT_EQ(fdt_begin_node(fdt, node), 0);
    for (int i = 0; i <= depth; ++i) EXPECT_EQ(fdt_end_node(fdt), 0);
    EXPECT_EQ(fdt_finish(fdt), 0);
    bytes.resize(fdt_totalsize(fdt));
    return bytes;
}

std::string why(ByteSpan dtb) {
    const auto text = to_dts(dtb);
    if (text) return "accepted";
    EXPECT_EQ(text.error().stage(), Stage::kImage);
    return text.error().message();
}

std::string shown(std::string_view value) {
    return show_fdt_value(as_bytes(value));
}

TEST(Dts, Values_AreStringsCellsOrBytes) {
    using namespace std::string_view_literals;
    EXPECT_EQ(shown(""), "");
    EXPECT_EQ(shown("one\0"sv), "\"one\"");
    EXPECT_EQ(shown("one\0two\0"sv), "\"one\", \"two\"");
    EXPECT_EQ(shown("say \"\\\"\0"sv), R"("say \"\\\"")");
    EXPECT_EQ(shown("abc"), "[616263]");
    EXPECT_EQ(shown("a\0\0"sv), "[610000]");
    EXPECT_EQ(shown("\0\0\0\x07\x80\0\0\0"sv), "<0x07 0x80000000>");
    EXPECT_EQ(shown("a\nb\0"sv), "<0x610a6200>");
}

TEST(Dts, NestedNodes_AreIndentedAndClosed) {
    EXPECT_EQ(to_dts(tree("flag", {}, 2)).value_or(""),
              "/dts-v1/;\n\n/ {\n\tflag;\n\n\tn {\n\n\t\tn {\n\t\t};\n\t};\n};\n");
}

TEST(Dts, OddNames_DoNotReachTheTerminal) {
    EXPECT_THAT(*to_dts(tree("a\x1b[2J", {}, 1, "b\n\x9b")), HasSubstr("a?[2J;\n\n\tb?? {"));
}

TEST(Dts, Paths_NameTheNodesAround) {
    const Bytes dtb = tree("flag", {}, 2);
    const auto nodes = read_fdt(dtb);
    ASSERT_TRUE(nodes);
    ASSERT_EQ(nodes->size(), 3U);
    EXPECT_EQ(path_of(*nodes, 0), "/");
    EXPECT_EQ(path_of(*nodes, 1), "/n");
    EXPECT_EQ(path_of(*nodes, 2), "/n/n");
}

TEST(Dts, WhatIsNoTree_IsRefused) {
    EXPECT_EQ(why({}), "it is no device tree: FDT_ERR_TRUNCATED");
    EXPECT_EQ(why(Bytes(100)), "it is no device tree: FDT_ERR_BADMAGIC");
    EXPECT_EQ(why(Bytes(kMaxFdtSize + 1)), "it is no device tree: it has 2097153 bytes");
    const Bytes good = tree("flag", {}, 2);
    for (std::size_t size = 0; size < good.size(); ++size)
        EXPECT_THAT(why(ByteSpan(good).first(size)), HasSubstr("it is no device tree"));
}

TEST(Dts, TreeThatIsTooDeep_IsRefused) {
    EXPECT_EQ(why(tree("flag", {}, 64)), "accepted");
    EXPECT_EQ(why(tree("flag", {}, 65)), "it is a device tree whose nodes nest more than 64 deep");
}

}  // namespace
}  // namespace rvmm::realm
