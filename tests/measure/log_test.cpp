#include "measure/log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "measure/log_builder.hpp"

namespace rvmm::measure {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::vector<std::string> lines_of(const std::string& log) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < log.size(); at += lines.back().size() + 1)
        lines.push_back(log.substr(at, log.find('\n', at) - at));
    return lines;
}

std::string zeros() {
    return to_hex(Digest(Hash::kSha256));
}

constexpr std::string_view kGoldenHeader =
    R"~({"rvmm_measurement_log":1,"tool":"rvmm 0.1.0","profile":"emulated","rule":"rmm-1.0",)~"
    R"~("hash":"sha256","parameters":{"flags0":"0x6","s2sz":40,"sve_vl":1,"num_bps":5,)~"
    R"~("num_wps":3,"pmu_num_ctrs":6,"hash_algo":0},"sources":[{"what":"kernel",)~"
    R"~("name":"boot/Image","base":"0x80000000","size":12345},{"what":"fdt",)~"
    R"~("name":"(generated)","base":"0x8fe00000","size":4}],"fdt":"d00dfeed"})~"
    "\n";
constexpr std::string_view kGoldenEmptyHeader =
    R"({"rvmm_measurement_log":1,"tool":"","profile":"","rule":"rmm-2.0/tf-rmm",)"
    R"("hash":"sha256","parameters":{"flags0":"0x0","s2sz":0,"sve_vl":0,"num_bps":0,)"
    R"("num_wps":0,"pmu_num_ctrs":0,"hash_algo":0},"sources":[],"fdt":""})"
    "\n";

TEST(LogText, Header_IsTheGoldenLine) {
    std::string line;
    append_header(line, small_header());
    EXPECT_EQ(line, kGoldenHeader);
}

TEST(LogText, HeaderWithNothingInIt_HasEveryKey) {
    std::string line;
    append_header(line, LogHeader());
    EXPECT_EQ(line, kGoldenEmptyHeader);
}

TEST(LogText, EntriesAndTrailer_AreTheGoldenLines) {
    const auto entries = small_entries(small_header());
    const auto rim = [&](std::size_t n) { return to_hex(entries[n].after); };
    const auto lines = lines_of(small_log(small_header()));
    ASSERT_EQ(lines.size(), 7U);
    EXPECT_EQ(lines[1], R"({"n":0,"kind":"create","before":")" + zeros() + R"(","after":")" +
                            rim(0) + R"("})");
    EXPECT_EQ(lines[2],
              R"({"n":1,"kind":"data","ipa":"0x80000000","size":4096,"what":"kernel",)"
              R"("source":"boot/\"Image\"\u000a\\","offset":8192,"measured":true,"content":")" +
                  to_hex(entries[1].content) + R"(","before":")" + rim(0) + R"(","after":")" +
                  rim(1) + R"("})");
    EXPECT_EQ(lines[3], R"({"n":2,"kind":"data","ipa":"0x80001000","size":4096,"what":"",)"
                        R"("source":"","offset":0,"measured":false,"content":"","before":")" +
                            rim(1) + R"(","after":")" + rim(2) + R"("})");
    EXPECT_EQ(lines[4], R"({"n":3,"kind":"ripas","base":"0x80200000","top":"0x80400000",)"
                        R"("before":")" +
                            rim(2) + R"(","after":")" + rim(3) + R"("})");
    EXPECT_EQ(lines[5], R"({"n":4,"kind":"rec","index":0,"pc":"0x80000000","x":["0x8fe00000",)"
                        R"("0x0","0x0","0x0","0x0","0x0","0x0","0xffffffffffffffff"],)"
                        R"("content":")" +
                            to_hex(entries[4].content) + R"(","before":")" + rim(3) +
                            R"(","after":")" + rim(4) + R"("})");
    EXPECT_EQ(lines[6], R"({"rim":")" + rim(4) + R"(","entries":5})");
}

TEST(LogText, EveryLine_IsJson) {
    for (const std::string& line : lines_of(small_log(small_header())))
        EXPECT_TRUE(json::accept(line)) << line;
    EXPECT_EQ(json::parse(lines_of(small_log(small_header()))[2])["source"], "boot/\"Image\"\n\\");
}

TEST(LogText, NameThatIsNotUtf8_HasReplacementCharacters) {
    LogEntry entry = small_entries(small_header())[1];
    entry.source =
        "caf\xc3\xa9/\xff\xfe"
        "x\xe2\x82";
    std::string line;
    append_entry(line, entry);
    EXPECT_EQ(json::parse(line)["source"], "caf\u00e9/\ufffd\ufffdx\ufffd\ufffd");
}

class VerifyEntry : public testing::TestWithParam<std::tuple<Rule, Hash>> {};

TEST_P(VerifyEntry, TrueEntries_AreAccepted) {
    const auto [rule, hash] = GetParam();
    const LogHeader header = small_header(rule, hash);
    RimExtender extender(rule, hash);
    for (const LogEntry& entry : small_entries(header)) {
        const auto verified = verify_entry(header, entry, extender);
        EXPECT_TRUE(verified) << verified.error().message();
    }
}

INSTANTIATE_TEST_SUITE_P(
    Rules, VerifyEntry,
    testing::Combine(testing::Values(Rule::kRmm1, Rule::kRmm2TfRmm, Rule::kRmm2Spec),
                     testing::Values(Hash::kSha256, Hash::kSha384, Hash::kSha512)));

TEST(VerifyEntryLie, AnyChangedField_IsTold) {
    const LogHeader header = small_header();
    RimExtender extender(header.rule, header.hash);
    const auto told = [&](std::size_t n, auto change) {
        LogHeader changed_header = header;
        LogEntry entry = small_entries(header)[n];
        change(changed_header, entry);
        const auto verified = verify_entry(changed_header, entry, extender);
        return verified ? "accepted" : verified.error().message();
    };
    const std::string lie = "says that the RIM becomes";
    using P = rmi::RealmParams;
    EXPECT_THAT(told(0, [](auto& h, auto&) { h.parameters.set(P::kS2sz, 41); }), HasSubstr(lie));
    EXPECT_THAT(told(1, [](auto&, auto& e) { e.content = Digest(Hash::kSha256); }),
                HasSubstr("entry 1 " + lie));
    EXPECT_THAT(told(1, [](auto&, auto& e) { e.measured = false; }), HasSubstr(lie));
    EXPECT_THAT(told(2, [](auto&, auto& e) { e.range = *IpaRange::make(Ipa{0}, 4096); }),
                HasSubstr(lie));
    EXPECT_THAT(told(2, [](auto&, auto& e) { e.before = Digest(Hash::kSha256); }), HasSubstr(lie));
    EXPECT_THAT(told(3, [](auto&, auto& e) { e.range = *IpaRange::make(Ipa{0}, 4096); }),
                HasSubstr(lie));
    EXPECT_THAT(told(3, [](auto&, auto& e) { e.after = e.before; }), HasSubstr(lie));
    EXPECT_THAT(told(4, [](auto&, auto& e) { e.after = e.before; }), HasSubstr(lie));
    EXPECT_THAT(told(4, [](auto&, auto& e) { e.pc += 4; }),
                HasSubstr("entry 4 says that its REC's parameters hash to"));
    EXPECT_THAT(told(4, [](auto&, auto& e) { e.x[7] = 0; }), HasSubstr("REC's parameters"));
}

}  // namespace
}  // namespace rvmm::measure
