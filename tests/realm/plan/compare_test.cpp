#include "realm/plan/compare.hpp"

#include <gmock/gmock.h>

#include "measure/endorsement.hpp"
#include "realm/plan/fold_log.hpp"
#include "realm/plan/golden.hpp"
#include "realm/plan/small_image.hpp"
#include "realm/spec/write_config.hpp"

namespace rvmm::realm {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using Kind = MeasuredInput::Kind;

std::string log_of(const test::SmallImage& image) {
    const LaunchPlan plan = image.plan();
    std::string text;
    FoldLog log(plan, [&](std::string_view lines) -> Result<> {
        text += lines;
        return {};
    });
    FoldOptions options;
    options.log = log.callback();
    const auto folded = fold(plan, options);
    EXPECT_TRUE(folded && log.finish(folded->rim));
    return text;
}

std::string corim_of(const test::SmallImage& image) {
    const Measurement measured = image.measurement();
    measure::Endorsement endorsement;
    endorsement.hash = measured.hash;
    endorsement.rim = measured.rim;
    const auto corim = measure::to_corim(endorsement);
    EXPECT_TRUE(corim);
    return corim ? std::string(reinterpret_cast<const char*>(corim->data()), corim->size()) : "";
}

/// The image as an input of `kind`.
MeasuredInput input(const test::SmallImage& image, Kind kind = Kind::kConfig) {
    std::string text;
    if (kind == Kind::kConfig)
        text = write_config(image.spec, image.spec.boot.kernel.native(),
                            image.spec.boot.initrd ? std::optional(image.spec.boot.initrd->native())
                                                   : std::nullopt);
    if (kind == Kind::kDocument) text = to_json(image.measurement());
    if (kind == Kind::kLog) text = log_of(image);
    if (kind == Kind::kCorim) text = corim_of(image);
    auto made = load_measured_input(image.dir.write("input", as_bytes(text)), {});
    if (!made) throw std::runtime_error(made.error().message());
    made->name = "input";
    EXPECT_EQ(made->kind, kind);
    return *std::move(made);
}

Comparison compared(const MeasuredInput& a, const MeasuredInput& b) {
    auto result = compare(a, b);
    if (!result) throw std::runtime_error(result.error().message());
    EXPECT_EQ(result->same, a.rim == b.rim);
    return *std::move(result);
}

auto differs(const std::string& what, const std::string& a, const std::string& b) {
    return AllOf(Field(&Difference::what, what), Field(&Difference::a, a),
                 Field(&Difference::b, b));
}
auto named(const std::string& what) {
    return Field(&Difference::what, what);
}

class CompareTest : public ::testing::Test {
  protected:
    Comparison run(Kind a = Kind::kConfig, Kind b = Kind::kConfig) const {
        return compared(input(a_, a), input(b_, b));
    }
    /// The first difference, which there has to be.
    FirstDifference first(Kind a = Kind::kConfig, Kind b = Kind::kConfig) const {
        return run(a, b).first.value_or(FirstDifference{.extension = "none"});
    }
    test::SmallImage a_;
    test::SmallImage b_;
};

constexpr std::array kWithSteps = {Kind::kConfig, Kind::kLog, Kind::kDocument};
constexpr std::array kAll = {Kind::kConfig, Kind::kLog, Kind::kDocument, Kind::kCorim};

TEST_F(CompareTest, SameImage_IsTheSameInEveryForm) {
    for (const char* profile : {"kvm-v14", "kvm-v12", "kvm-v10"}) {
        a_.spec.realm->profile = b_.spec.realm->profile = profile;
        for (const Kind a : kAll) {
            for (const Kind b : kAll) {
                const Comparison result = run(a, b);
                EXPECT_TRUE(result.same);
                EXPECT_FALSE(result.first);
                EXPECT_TRUE(result.others.empty());
                EXPECT_TRUE(result.unmeasured.empty()) << result.unmeasured.kept()[0].what;
            }
        }
    }
}

TEST_F(CompareTest, Cmdline_IsAPropertyOfTheFdt) {
    b_.spec.boot.cmdline = "console=ttyS1";
    for (const Kind a : kWithSteps) {
        for (const Kind b : kWithSteps) {
            const FirstDifference found = first(a, b);
            EXPECT_EQ(found.extension, "page 0 of fdt, at 0x83e00000");
            EXPECT_EQ(found.number, 1U + 2U + 3U);
            EXPECT_THAT(found.why, ElementsAre(differs("fdt /chosen bootargs", "\"console=ttyS0\"",
                                                       "\"console=ttyS1\"")));
        }
    }
    EXPECT_TRUE(run().others.empty());
}

TEST_F(CompareTest, ChangedByte_IsFoundInItsFile) {
    Bytes initrd(9000, std::byte{0x5a});
    initrd[5000] = std::byte{0x41};
    b_.dir.write("initrd", initrd);
    const FirstDifference found = first();
    EXPECT_EQ(found.extension, "page 1 of initrd, at 0x83dfe000");
    EXPECT_EQ(found.number, 1U + 2U + 1U);
    EXPECT_THAT(found.why,
                ElementsAre(differs("initrd byte 5000", "0x5a", "0x41"), named("initrd contents")));
    EXPECT_TRUE(run().others.empty());
}

TEST_F(CompareTest, ChangedByte_IsFoundByPageDigests) {
    Bytes initrd(9000, std::byte{0x5a});
    initrd[8999] = std::byte{0x41};
    b_.dir.write("initrd", initrd);
    for (const auto& [a, b] : {std::pair(Kind::kLog, Kind::kLog),
                               {Kind::kLog, Kind::kConfig},
                               {Kind::kConfig, Kind::kLog}}) {
        const FirstDifference found = first(a, b);
        EXPECT_EQ(found.extension, "page 2 of initrd, at 0x83dff000");
        EXPECT_EQ(found.number, 1U + 2U + 2U);
        EXPECT_THAT(found.why,
                    ElementsAre(named("digest of page 2 of initrd"), named("initrd contents")));
    }
    const FirstDifference found = first(Kind::kDocument, Kind::kLog);
    EXPECT_EQ(found.extension, "a page of initrd");
    EXPECT_EQ(found.number, std::nullopt);
    EXPECT_THAT(found.why, ElementsAre(named("initrd contents")));
}

TEST_F(CompareTest, LongerFile_DiffersInItsFirstFurtherPage) {
    b_.dir.write("kernel", test::ImageBuilder{.size = 9000}.build());
    const FirstDifference found = first();
    EXPECT_EQ(found.extension, "page 1 of kernel, at 0x80001000");
    EXPECT_THAT(found.why, ElementsAre(named("kernel byte 5000"), named("kernel contents"),
                                       differs("kernel size", "5000 bytes", "9000 bytes")));
}

TEST_F(CompareTest, MissingInitrd_IsTheFirstAndChangesTheFdtToo) {
    b_.spec.boot.initrd.reset();
    const Comparison result = run();
    ASSERT_TRUE(result.first);
    EXPECT_EQ(result.first->extension, "initrd");
    EXPECT_EQ(result.first->number, 3U);
    EXPECT_THAT(result.first->why, ElementsAre(differs("initrd", "12288 bytes at 0x83dfd000", "")));
    EXPECT_THAT(result.others.kept(),
                ElementsAre(differs("fdt /chosen linux,initrd-start", "<0x00 0x83dfd000>", ""),
                            named("fdt /chosen linux,initrd-end"), named("fdt size")));
}

TEST_F(CompareTest, Parameter_IsNamedWithBothValues) {
    b_.spec.realm->ipa_bits = 41;
    for (const Kind b : kWithSteps) {
        const FirstDifference found = first(Kind::kConfig, b);
        EXPECT_EQ(found.extension, "creation of the realm");
        EXPECT_EQ(found.number, 0U);
        EXPECT_THAT(found.why, ElementsAre(differs("parameter s2sz", "40", "41")));
    }
}

TEST_F(CompareTest, Hash_IsTheReasonOfAllDigests) {
    a_.spec.realm->profile = b_.spec.realm->profile = "emulated";
    b_.spec.realm->hash = measure::Hash::kSha512;
    EXPECT_THAT(first().why, ElementsAre(differs("hash", "sha256", "sha512"),
                                         differs("parameter hash_algo", "0", "1")));
}

TEST_F(CompareTest, Rule_IsTheReasonWhereItMeasuresOtherThings) {
    b_.spec.realm->profile = "rmm-2.0/spec + kvm-v14";
    EXPECT_EQ(first().extension, "creation of the realm");
    EXPECT_THAT(first().why, ElementsAre(differs("rule", "rmm-2.0/tf-rmm", "rmm-2.0/spec")));
    b_.spec.realm->profile = "kvm-v12";
    EXPECT_EQ(first().extension, "RIPAS");
    EXPECT_THAT(first().why,
                ElementsAre(differs("RIPAS", "", "1559 RTT entries, 0x80000000 to 0x84000000"),
                            differs("rule", "rmm-2.0/tf-rmm", "rmm-1.0")));
}

TEST_F(CompareTest, Order_IsTheProfile) {
    a_.spec.realm->profile = "kvm-v12";
    b_.spec.realm->profile = "kvm-v10";
    const FirstDifference found = first();
    EXPECT_EQ(found.number, 1U);
    EXPECT_THAT(found.why,
                ElementsAre(differs("order of the steps",
                                    "creation of the realm, kernel, initrd, fdt, vCPU 0, RIPAS",
                                    "creation of the realm, RIPAS, kernel, initrd, fdt, vCPU 0"),
                            differs("profile", "rmm-1.0 + kvm-v12", "rmm-1.0 + kvm-v10")));
    EXPECT_THAT(run().others.kept(), ElementsAre(differs("RIPAS entries", "1559", "32")));
}

TEST_F(CompareTest, Memory_MovesThingsAndIsSeenInTheFdt) {
    b_.spec.machine.memory = 128ULL << 20;
    const Comparison result = run();
    ASSERT_TRUE(result.first);
    EXPECT_EQ(result.first->extension, "page 0 of initrd, at 0x83dfd000");
    EXPECT_THAT(result.first->why, ElementsAre(differs("initrd base", "0x83dfd000", "0x87dfd000")));
    EXPECT_THAT(
        result.others.kept(),
        ElementsAre(differs("fdt base", "0x83e00000", "0x87e00000"),
                    named("fdt /chosen linux,initrd-start"), named("fdt /chosen linux,initrd-end"),
                    differs("fdt /memory@80000000 reg", "<0x00 0x80000000 0x00 0x4000000>",
                            "<0x00 0x80000000 0x00 0x8000000>"),
                    differs("vCPU 0 X0", "0x83e00000", "0x87e00000")));
}

TEST_F(CompareTest, RecRegisters_AreNamed) {
    MeasuredInput a = input(a_, Kind::kDocument);
    MeasuredInput b = input(a_, Kind::kDocument);
    for (std::size_t i = 4; i < b.measurement->steps.size(); ++i)
        b.measurement->steps[i].rim.mutable_bytes()[0] ^= std::byte{1};
    std::get<RecMeasured>(b.measurement->steps[4].what).pc = 0x1000;
    b.rim = b.measurement->rim = b.measurement->steps.back().rim;
    const Comparison result = compared(a, b);
    ASSERT_TRUE(result.first);
    EXPECT_EQ(result.first->extension, "vCPU 0");
    EXPECT_EQ(result.first->number, 7U);
    EXPECT_THAT(result.first->why, ElementsAre(differs("vCPU 0 PC", "0x80000000", "0x1000")));
}

TEST_F(CompareTest, Devices_AreComparedKeyByKey) {
    const auto disk = [](const char* name, const char* path) {
        return DeviceSpec{.name = name, .what = DiskSpec{.path = path}};
    };
    a_.spec.devices = {disk("disk0", "/a"), disk("disk1", "/same")};
    b_.spec.devices = {
        disk("disk0", "/b"), disk("disk1", "/same"), {.name = "rng0", .what = RngSpec{}}};
    const Comparison result = run();
    EXPECT_TRUE(result.same);
    EXPECT_THAT(result.unmeasured.kept(),
                ElementsAre(differs("device 0", "path = \"/a\"", "path = \"/b\""),
                            differs("device 2", "", "[rng]")));
}

TEST_F(CompareTest, WhatIsNotMeasured_IsSaidBesideTheSameRim) {
    a_.spec.realm->profile = b_.spec.realm->profile = "emulated";
    b_.spec.realm->personalization[0] = std::byte{0xab};
    b_.spec.boot.initrd = b_.dir.write("other", Bytes(9000, std::byte{0x5a}));
    b_.spec.serial.mode = SerialSpec::Mode::kNone;
    const Comparison result = run();
    EXPECT_TRUE(result.same);
    EXPECT_TRUE(result.others.empty());
    EXPECT_THAT(
        result.unmeasured.kept(),
        ElementsAre(differs("initrd file name", "initrd", "other"), named("personalization (RPV)"),
                    differs("serial.mode", "stdio", "none")));
    b_.spec.realm->profile = "kvm-v14";
    b_.spec.realm->personalization = {};
    EXPECT_TRUE(run(Kind::kLog, Kind::kLog).same);
    EXPECT_THAT(run(Kind::kLog, Kind::kLog).unmeasured.kept(),
                ElementsAre(named("initrd file name"),
                            differs("profile", "emulated", "rmm-2.0/tf-rmm + kvm-v14")));
}

TEST_F(CompareTest, Corim_HasTheRimAlone) {
    b_.spec.boot.cmdline = "quiet";
    const MeasuredInput a = input(a_);
    const MeasuredInput b = input(b_, Kind::kCorim);
    const Comparison result = compared(a, b);
    EXPECT_FALSE(result.first);
    EXPECT_THAT(to_text(result, a, b), HasSubstr("a CoRIM has the RIM alone"));
    EXPECT_THAT(to_json(result, a, b), HasSubstr("\"same\": false"));
}

TEST_F(CompareTest, ManyDifferences_AreBounded) {
    b_.spec.machine.vcpus = 100;
    b_.spec.boot.initrd.reset();
    const Comparison result = run();
    EXPECT_EQ(result.others.kept().size(), 12U);
    EXPECT_GT(result.others.left_out(), 80U);
}

TEST_F(CompareTest, Text_IsTheGoldenOne) {
    b_.spec.boot.cmdline = "console=ttyS0 \"quiet\"";
    b_.spec.realm->breakpoints = 8;
    b_.spec.boot.kernel = b_.dir.write("Image", test::ImageBuilder{}.build());
    const MeasuredInput a = input(a_);
    const MeasuredInput b = input(b_, Kind::kLog);
    EXPECT_EQ(to_text(compared(a, b), a, b), test::golden("diff.txt"));
    EXPECT_EQ(to_json(compared(a, b), a, b), test::golden("diff.json"));
}

std::string why(ByteSpan bytes) {
    const auto read = parse_measured_input(bytes, "x");
    if (read) return "accepted";
    EXPECT_EQ(read.error().stage(), Stage::kImage);
    return read.error().message();
}

TEST(MeasuredInput, WhatIsNoneOfThese_IsRefused) {
    constexpr const char* kUnknown =
        "x: it is no config, measurement log, measurement document or CoRIM";
    EXPECT_EQ(why({}), kUnknown);
    EXPECT_EQ(why(as_bytes(std::string_view("\x7f"
                                            "ELF\0",
                                            5))),
              kUnknown);
    EXPECT_EQ(why(as_bytes("{\"time\":1}\n{\"time\":2}\n")), "x: it is not a JSON object");
    EXPECT_EQ(why(as_bytes("{\"rvmm_measurement_log\":2,")),
              "x: line 1 of the log: the log ends before its trailer");
    EXPECT_THAT(why(as_bytes("\xd9\x01\xf5\xa0")), HasSubstr("x: "));
}

TEST(MeasuredInput, TruncatedOrChangedLog_IsRefused) {
    const std::string log = log_of(test::SmallImage());
    ASSERT_EQ(why(as_bytes(log)), "accepted");
    const std::string_view text = log;
    EXPECT_THAT(why(as_bytes(text.substr(0, text.size() - 10))),
                HasSubstr("the log ends before its trailer"));
    EXPECT_THAT(why(as_bytes(text.substr(0, text.rfind("{\"rim\"")))),
                HasSubstr("the log ends before its trailer"));
    std::string changed = log;
    const std::size_t digest = changed.find("\"content\":\"") + 11;
    changed[digest] = changed[digest] == '0' ? '1' : '0';
    EXPECT_THAT(why(as_bytes(changed)), HasSubstr("says that the RIM becomes"));
}

TEST(MeasuredInput, LogAndPlan_HaveTheSameSteps) {
    test::SmallImage image;
    for (const char* profile : {"kvm-v14", "kvm-v12", "kvm-v10"}) {
        image.spec.realm->profile = profile;
        const MeasuredInput log = input(image, Kind::kLog);
        const Measurement measured = image.measurement();
        EXPECT_EQ(log.measurement->parameters, measured.parameters);
        EXPECT_EQ(log.measurement->fdt, measured.fdt);
        EXPECT_EQ(log.measurement->steps[0], measured.steps[0]);
        const auto data = [](const Measurement& of) {
            std::vector<MeasuredStep> steps;
            for (const MeasuredStep& step : of.steps)
                if (std::holds_alternative<DataMeasured>(step.what)) steps.push_back(step);
            return steps;
        };
        EXPECT_EQ(data(*log.measurement), data(measured));
    }
}

TEST(MeasuredInput, FilesThatAreNone_AreRefused) {
    test::TempDir dir;
    const auto refusal = [](const std::filesystem::path& path) {
        const auto loaded = load_measured_input(path, {});
        EXPECT_FALSE(loaded);
        return loaded ? Stage::kInternal : loaded.error().stage();
    };
    EXPECT_EQ(refusal(dir.write("empty", {})), Stage::kImage);
    EXPECT_EQ(refusal(dir.path()), Stage::kImage);
    EXPECT_EQ(refusal(dir.path() / "none"), Stage::kImage);
    EXPECT_EQ(refusal(dir.write("typo.cfg", as_bytes("[machine\n"))), Stage::kConfig);
    EXPECT_EQ(refusal(dir.write("vm.cfg", as_bytes("[boot]\nkernel = \"k\"\n"))), Stage::kConfig);
}

}  // namespace
}  // namespace rvmm::realm
