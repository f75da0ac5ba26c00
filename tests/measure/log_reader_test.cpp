#include "measure/log_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "measure/log_builder.hpp"

namespace rvmm::measure {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

/// The error's message of reading all of `log`; "accepted" if there is none.
std::string outcome(const std::string& log) {
    auto reader = LogReader::create(as_bytes(log));
    if (!reader) return reader.error().message();
    while (true) {
        const auto entry = reader->next();
        if (!entry) return entry.error().message();
        if (!*entry) return "accepted";
    }
}

std::string small() {
    return small_log(small_header());
}

/// The small log with the first `from` replaced.
std::string with(std::string_view from, std::string_view to) {
    std::string log = small();
    const std::size_t at = log.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return log.replace(at, from.size(), to);
}

std::string without_line(unsigned number) {
    std::string log = small();
    std::size_t at = 0;
    for (unsigned i = 1; i < number; ++i) at = log.find('\n', at) + 1;
    return log.erase(at, log.find('\n', at) + 1 - at);
}

TEST(LogReader, WhatWasWritten_ComesBack) {
    for (const Hash hash : {Hash::kSha256, Hash::kSha384, Hash::kSha512}) {
        const LogHeader header = small_header(Rule::kRmm2Spec, hash);
        const std::string log = small_log(header);
        auto reader = LogReader::create(as_bytes(log));
        ASSERT_TRUE(reader) << reader.error().message();
        EXPECT_EQ(reader->header().tool, header.tool);
        EXPECT_EQ(reader->header().profile, header.profile);
        EXPECT_EQ(reader->header().rule, Rule::kRmm2Spec);
        EXPECT_EQ(reader->header().hash, hash);
        EXPECT_EQ(reader->header().sources, header.sources);
        EXPECT_EQ(reader->header().fdt, header.fdt);
        EXPECT_TRUE(
            std::ranges::equal(reader->header().parameters.bytes(), header.parameters.bytes()));
        for (const LogEntry& entry : small_entries(header)) {
            const auto read = reader->next();
            ASSERT_TRUE(read) << read.error().message();
            EXPECT_EQ(*read, entry);
            EXPECT_EQ(reader->rim(), entry.after);
        }
        for (int i = 0; i < 2; ++i) {
            const auto end = reader->next();
            ASSERT_TRUE(end) << end.error().message();
            EXPECT_FALSE(*end);
        }
        EXPECT_EQ(reader->entries(), 5U);
    }
}

TEST(LogReader, WhatIsNoLog_IsToldSo) {
    for (const std::string_view text : {"", "\n", "{}", "hello", "{\"rim\":\"00\"}\n", "[realm]\n",
                                        "{ \"rvmm_measurement_log\":1"})
        EXPECT_EQ(outcome(std::string(text)), "it is no rvmm measurement log") << text;
}

TEST(LogReader, AnotherVersion_IsRefused) {
    EXPECT_EQ(outcome(with(R"(_log":1)", R"(_log":2)")),
              "line 1 of the log: the log is of version 2, and this rvmm reads version 1");
}

TEST(LogReader, CutAnywhere_IsRefused) {
    const std::string log = small();
    for (std::size_t size = 0; size < log.size(); ++size)
        ASSERT_NE(outcome(log.substr(0, size)), "accepted") << size;
    EXPECT_EQ(outcome(log.substr(0, log.size() - 1)),
              "line 7 of the log: the log ends before its trailer");
    EXPECT_EQ(outcome(without_line(7)), "line 7 of the log: the log ends before its trailer");
}

TEST(LogReader, AnyFlippedBit_IsRefusedOrComesBackAsItIs) {
    const std::string log = small();
    for (std::size_t i = 0; i < log.size(); ++i) {
        std::string changed = log;
        changed[i] = static_cast<char>(changed[i] ^ 1);
        if (outcome(changed) != "accepted") continue;
        std::string again;
        auto reader = LogReader::create(as_bytes(changed));
        append_header(again, reader->header());
        for (auto entry = reader->next(); *entry; entry = reader->next())
            append_entry(again, **entry);
        append_trailer(again, reader->rim(), reader->entries());
        ASSERT_EQ(again, changed);
    }
}

TEST(LogReader, MissingLine_BreaksTheChain) {
    EXPECT_THAT(outcome(without_line(2)), HasSubstr("line 2 of the log: column 6: the entry's"));
    EXPECT_THAT(outcome(without_line(4)), HasSubstr("the entry's number should be 2"));
}

TEST(LogReader, BeforeThatIsNotTheLastAfter_IsRefused) {
    std::string log = small();
    const std::size_t at = log.find(R"("before":")", log.find(R"("n":3)")) + 10;
    log[at] = log[at] == '0' ? '1' : '0';
    EXPECT_THAT(outcome(log), StartsWith("line 5 of the log: column "));
    EXPECT_THAT(outcome(log), HasSubstr("it is not the RIM that the log has come to"));
}

TEST(LogReader, Create_ComesFirstAndOnce) {
    EXPECT_THAT(outcome(with(R"("kind":"ripas","base":"0x80200000","top":"0x80400000")",
                             R"("kind":"create")")),
                HasSubstr("the first entry, and no other, is the create"));
    EXPECT_THAT(outcome(with(R"("kind":"create")",
                             R"("kind":"ripas","base":"0x80200000","top":"0x80400000")")),
                HasSubstr("the first entry, and no other, is the create"));
}

TEST(LogReader, Trailer_AgreesAndIsLast) {
    EXPECT_THAT(outcome(with(R"("entries":5)", R"("entries":6)")),
                HasSubstr("line 7 of the log: column 85: the log has 5 entries"));
    std::string log = small();
    const std::size_t at = log.rfind(R"("rim":")") + 7;
    log[at] = log[at] == '0' ? '1' : '0';
    EXPECT_THAT(outcome(log), HasSubstr("it is not the RIM that the log has come to"));
    EXPECT_EQ(outcome(small() + "\n"), "line 7 of the log: something follows the trailer");
    EXPECT_EQ(outcome(small() + small()), "line 7 of the log: something follows the trailer");
    std::string empty;
    append_header(empty, small_header());
    append_trailer(empty, Digest(Hash::kSha256), 0);
    EXPECT_EQ(outcome(empty), "line 2 of the log: the log has no entries");
}

TEST(LogReader, UnknownNames_AreRefused) {
    EXPECT_THAT(outcome(with("rmm-1.0", "rmm-3.0")), HasSubstr("this rule is not known"));
    EXPECT_THAT(outcome(with("sha256", "md5")), HasSubstr("this hash is not known"));
    EXPECT_THAT(outcome(with(R"("kind":"rec")", R"("kind":"recs")")),
                HasSubstr("this kind is not known"));
}

TEST(LogReader, HashAlgoOfAnotherHash_IsRefused) {
    EXPECT_THAT(outcome(with(R"("hash_algo":0)", R"("hash_algo":1)")),
                HasSubstr("line 1 of the log: column 204: it is not that of the hash"));
}

TEST(LogReader, DigestOfAnotherSize_IsRefused) {
    EXPECT_THAT(outcome(with(R"("hash":"sha256")", R"("hash":"sha512")")),
                HasSubstr("it is not that of the hash"));
    EXPECT_THAT(outcome(with(R"("before":"00)", R"("before":")")),
                HasSubstr("a digest of sha256 in lower-case hex is expected"));
    EXPECT_THAT(outcome(with(R"("content":"",)", R"("content":"00",)")),
                HasSubstr(R"("" is expected)"));
}

TEST(LogReader, FieldsOfTheWrongType_AreRefused) {
    EXPECT_THAT(outcome(with(R"("s2sz":40)", R"("s2sz":"40")")),
                HasSubstr("a number up to 4294967295 is expected"));
    EXPECT_THAT(outcome(with(R"("s2sz":40)", R"("s2sz":4294967296)")),
                HasSubstr("a number up to 4294967295 is expected"));
    EXPECT_THAT(outcome(with(R"("hash_algo":0)", R"("hash_algo":256)")),
                HasSubstr("a number up to 255 is expected"));
    EXPECT_THAT(outcome(with(R"("offset":8192)", R"("offset":-1)")),
                HasSubstr("a number up to 18446744073709551615 is expected"));
    EXPECT_THAT(outcome(with(R"("offset":8192)", R"("offset":18446744073709551616)")),
                HasSubstr("a number up to 18446744073709551615 is expected"));
    EXPECT_THAT(outcome(with(R"("measured":true)", R"("measured":1)")),
                HasSubstr("false is expected"));
    EXPECT_THAT(outcome(with(R"("tool":"rvmm 0.1.0")", R"("tool":7)")),
                HasSubstr("column 34: \" is expected"));
    EXPECT_THAT(outcome(with(R"("pc":"0x80000000")", R"("pc":2147483648)")),
                HasSubstr("\" is expected"));
    EXPECT_THAT(outcome(with(R"("fdt":"d00dfeed")", R"("fdt":"d00dfee")")),
                HasSubstr("bytes in lower-case hex are expected"));
}

TEST(LogReader, MissingAndForeignKeys_AreRefused) {
    EXPECT_THAT(outcome(with(R"("profile":"emulated",)", "")),
                HasSubstr("\"profile\": is expected"));
    EXPECT_THAT(outcome(with(R"("offset":8192,)", "")), HasSubstr("\"offset\": is expected"));
    EXPECT_THAT(outcome(with(R"("index":0,)", R"("index":0,"more":1,)")),
                HasSubstr("\"pc\": is expected"));
    EXPECT_THAT(outcome(with(R"("fdt":"d00dfeed"})", R"("fdt":"d00dfeed"}})")),
                HasSubstr("the line should end"));
    EXPECT_THAT(outcome(with(R"(,"0xffffffffffffffff"],)", "],")), HasSubstr(", is expected"));
}

TEST(LogReader, TextThatIsNotCanonical_IsRefused) {
    EXPECT_THAT(outcome(with(R"("n":1)", R"("n": 1)")), HasSubstr("a number up to"));
    EXPECT_THAT(outcome(with(R"("n":1)", R"("n":01)")), HasSubstr("a number up to"));
    EXPECT_THAT(outcome(with("d00dfeed", "D00DFEED")),
                HasSubstr("bytes in lower-case hex are expected"));
    for (const std::string_view number :
         {"0x080000000", "0X80000000", "0x8000000A", "80000000", "0x"})
        EXPECT_THAT(outcome(with(R"("pc":"0x80000000")", fmt::format(R"("pc":"{}")", number))),
                    HasSubstr("a hexadecimal number is expected"))
            << number;
    for (const std::string_view text :
         {R"(\n)", R"(\u0041)", R"(\u000A)", R"(\u01)", R"(\/)", "\t"})
        EXPECT_THAT(outcome(with(R"("tool":"rvmm)", fmt::format(R"("tool":"{})", text))),
                    HasSubstr("not written as the log's texts are"))
            << text;
    EXPECT_THAT(outcome(with(R"("tool":"rvmm)", "\"tool\":\"\xff")), HasSubstr("not UTF-8"));
}

TEST(LogReader, Ranges_AreNotEmptyAndDoNotWrap) {
    const std::string why = "the range is empty or leaves the address space";
    EXPECT_THAT(outcome(with(R"("size":4096)", R"("size":0)")), HasSubstr(why));
    EXPECT_THAT(outcome(with(R"("size":4096)", R"("size":18446744073709551615)")), HasSubstr(why));
    EXPECT_THAT(outcome(with(R"("top":"0x80400000")", R"("top":"0x80200000")")), HasSubstr(why));
    EXPECT_THAT(outcome(with(R"("top":"0x80400000")", R"("top":"0x1")")), HasSubstr(why));
}

TEST(LogReader, LongLines_AreBounded) {
    LogHeader header = small_header();
    header.fdt = Bytes(kMaxLogFdt, std::byte{1});
    EXPECT_EQ(outcome(small_log(header)), "accepted");
    header.fdt.push_back(std::byte{1});
    EXPECT_THAT(outcome(small_log(header)), HasSubstr("it is longer than 2097152 bytes"));
    header.tool = std::string(8 << 20, 'x');
    EXPECT_EQ(outcome(small_log(header)), "line 1 of the log: it is longer than 8388608 bytes");
    EXPECT_EQ(outcome(with(R"("what":"")", R"("what":")" + std::string(65536, 'x') + '"')),
              "line 4 of the log: it is longer than 65536 bytes");
}

TEST(LogReader, AfterAnError_GivesItAgain) {
    const std::string log = with(R"("kind":"rec")", R"("kind":"none")");
    auto reader = LogReader::create(as_bytes(log));
    ASSERT_TRUE(reader);
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(reader->next());
    const auto first = reader->next();
    const auto second = reader->next();
    ASSERT_FALSE(first);
    ASSERT_FALSE(second);
    EXPECT_EQ(first.error().message(), second.error().message());
}

}  // namespace
}  // namespace rvmm::measure
