#include "realm/spec/realm_spec.hpp"

#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/bytes.hpp"

namespace rvmm::realm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kShortest = "[boot]\nkernel = \"Image\"\n";

std::filesystem::path data(std::string_view name) {
    return std::filesystem::path(RVMM_TEST_DATA "/config") / name;
}

Result<RealmSpec> with_overrides(std::vector<std::string> overrides) {
    return parse_config(kShortest, "images/image.cfg", {false, std::move(overrides)});
}

std::string error_of(const Result<RealmSpec>& spec) {
    return spec ? "no error" : spec.error().message();
}

/// A folder of its own for each test, removed with it.
class Folder {
  public:
    Folder() {
        std::string name = testing::TempDir() + "/rvmm-spec-XXXXXX";
        path_ = ::mkdtemp(name.data());
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    std::filesystem::path write(std::string_view name, std::string_view text) const {
        std::ofstream(path_ / name, std::ios::binary) << text;
        return path_ / name;
    }

  private:
    std::filesystem::path path_;
};

TEST(RealmSpec, MinimalConfig_IsAnOrdinaryVmWithDefaults) {
    const auto spec = load_config(data("minimal.cfg"), {});
    ASSERT_TRUE(spec) << error_of(spec);
    EXPECT_EQ(spec->source, data("minimal.cfg"));
    EXPECT_EQ(spec->machine.vcpus, 1u);
    EXPECT_EQ(spec->machine.memory, 512u << 20);
    EXPECT_FALSE(spec->machine.rtc);
    EXPECT_FALSE(spec->machine.power_key);
    EXPECT_FALSE(spec->machine.pvpanic);
    EXPECT_TRUE(spec->devices.empty());
    EXPECT_EQ(spec->boot.kernel, data("Image"));
    EXPECT_EQ(spec->boot.initrd, std::nullopt);
    EXPECT_EQ(spec->boot.cmdline, "");
    EXPECT_EQ(spec->realm, std::nullopt);
    EXPECT_THAT(spec->host.allow, ElementsAre(HostKind::kLab));
    EXPECT_EQ(spec->serial.mode, SerialSpec::Mode::kStdio);
}

TEST(RealmSpec, FullConfig_SetsEveryField) {
    const auto spec = load_config(data("full.cfg"), {});
    ASSERT_TRUE(spec) << error_of(spec);
    EXPECT_EQ(spec->machine, (MachineSpec{4, 2ULL << 30, true, true, true}));
    EXPECT_EQ(spec->boot, (BootSpec{data("Image.gz"), "/srv/initrd.img", "console=ttyS0 quiet"}));
    ASSERT_TRUE(spec->realm);
    EXPECT_EQ(spec->realm->ipa_bits, 36u);
    EXPECT_EQ(spec->realm->hash, measure::Hash::kSha512);
    EXPECT_EQ(to_hex(spec->realm->personalization),
              "00112233445566778899aabbccddeeff" + std::string(96, '0'));
    EXPECT_EQ(spec->realm->sve_vl, 256u);
    EXPECT_EQ(spec->realm->pmu_counters, 8u);
    EXPECT_EQ(spec->realm->breakpoints, 2u);
    EXPECT_EQ(spec->realm->watchpoints, 64u);
    EXPECT_EQ(spec->realm->profile, "rmm-1.0 + kvm-v10");
    EXPECT_EQ(to_hex(spec->realm->expect_rim),
              "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    EXPECT_THAT(spec->host.allow, ElementsAre(HostKind::kLab, HostKind::kCca));
    EXPECT_EQ(spec->serial.mode, SerialSpec::Mode::kNone);
}

TEST(RealmSpec, RealmTableOrForceRealm_GivesTheFixedDefaults) {
    const auto table = parse_config("[boot]\nkernel = \"Image\"\n[realm]\n", "image.cfg", {});
    const auto forced = parse_config(kShortest, "image.cfg", {true, {}});
    ASSERT_TRUE(table) << error_of(table);
    ASSERT_TRUE(forced) << error_of(forced);
    EXPECT_EQ(*table, *forced);
    ASSERT_TRUE(table->realm);
    EXPECT_EQ(table->realm->ipa_bits, 40u);
    EXPECT_EQ(table->realm->hash, measure::Hash::kSha256);
    EXPECT_EQ(to_hex(table->realm->personalization), std::string(128, '0'));
    EXPECT_EQ(table->realm->sve_vl, 0u);
    EXPECT_EQ(table->realm->pmu_counters, 0u);
    EXPECT_EQ(table->realm->breakpoints, 6u);
    EXPECT_EQ(table->realm->watchpoints, 4u);
    EXPECT_TRUE(table->realm->expect_rim.empty());
    EXPECT_EQ(table->realm->profile, "rmm-2.0/tf-rmm + kvm-v14");
    EXPECT_THAT(table->host.allow, ElementsAre(HostKind::kCca));
}

TEST(RealmSpec, BoundaryValues_AreAccepted) {
    for (const char* option :
         {"machine.vcpus=1",         "machine.vcpus=512",      "machine.memory=2M",
          "machine.memory=64T",      "machine.memory=2097152", "machine.memory=0x40000000",
          "machine.memory=\"1GiB\"", "realm.ipa_bits=32",      "realm.ipa_bits=48",
          "realm.hash=sha384",       "realm.sve_vl=128",       "realm.sve_vl=2048",
          "realm.pmu_counters=31",   "realm.breakpoints=64",   "realm.watchpoints=2",
          "realm.profile=x",         "realm.personalization=", "host.allow=[\"emulated\"]",
          "serial.mode=none",        "boot.initrd=i",          "boot.cmdline="}) {
        const auto spec = with_overrides({option});
        EXPECT_TRUE(spec) << error_of(spec);
    }
    EXPECT_TRUE(with_overrides({"boot.cmdline=" + std::string(2047, 'a')}));
    EXPECT_THAT(error_of(with_overrides({"boot.cmdline=" + std::string(2048, 'a')})),
                HasSubstr("up to 2047 bytes"));
    EXPECT_TRUE(with_overrides({"realm.profile=" + std::string(128, 'a')}));
    EXPECT_FALSE(with_overrides({"realm.profile=" + std::string(129, 'a')}));
    EXPECT_TRUE(with_overrides({"realm.personalization=" + std::string(128, 'a')}));
    EXPECT_FALSE(with_overrides({"boot.kernel=" + std::string(4096, 'a')}));
}

TEST(RealmSpec, EachHashName_IsTheHashsOwn) {
    for (const auto hash :
         {measure::Hash::kSha256, measure::Hash::kSha384, measure::Hash::kSha512}) {
        const auto spec = with_overrides({fmt::format("realm.hash={}", measure::to_string(hash))});
        ASSERT_TRUE(spec) << error_of(spec);
        EXPECT_EQ(spec->realm->hash, hash);
    }
}

TEST(RealmSpec, EachHostKindName_IsAccepted) {
    for (const auto kind : {HostKind::kCca, HostKind::kEmulated, HostKind::kLab}) {
        const auto spec = with_overrides({fmt::format("host.allow=[\"{}\"]", to_string(kind))});
        ASSERT_TRUE(spec) << error_of(spec);
        EXPECT_THAT(spec->host.allow, ElementsAre(kind));
    }
    EXPECT_EQ(to_string(HostKind::kEmulated), "emulated");
}

TEST(RealmSpec, SameTextTwice_IsEqual) {
    for (const char* name : {"minimal.cfg", "full.cfg"})
        EXPECT_EQ(load_config(data(name), {}).value(), load_config(data(name), {}).value());
}

TEST(RealmSpec, OtherSpellings_AreTheSame) {
    const auto table = parse_config("[boot]\nkernel = \"Image\"\n[machine]\nvcpus = 4", "a", {});
    for (const char* text : {"boot = { kernel = 'Image' }\nmachine = { vcpus = 0x4 }",
                             "machine.vcpus = 4\nboot.\"kernel\" = \"Image\"",
                             "[machine]\r\nvcpus = 4\r\n[boot]\r\n"
                             "kernel = \"Image\"\r\n",
                             "\xef\xbb\xbf[boot] # é\nkernel = '''\nImage'''\n[machine]\n"
                             "vcpus = +4"}) {
        const auto spec = parse_config(text, "a", {});
        ASSERT_TRUE(spec) << error_of(spec);
        EXPECT_EQ(*spec, *table) << text;
    }
}

TEST(RealmSpecPaths, InTheFile_StartAtItsFolder) {
    const auto spec =
        parse_config("[boot]\nkernel = \"a/Image\"\ninitrd = \"/b\"\n", "images/image.cfg", {});
    ASSERT_TRUE(spec) << error_of(spec);
    EXPECT_EQ(spec->boot.kernel, "images/a/Image");
    EXPECT_EQ(spec->boot.initrd, "/b");
    EXPECT_EQ(parse_config(kShortest, "image.cfg", {})->boot.kernel, "Image");
}

TEST(RealmSpecPaths, InAnOverride_StartAtTheCurrentDirectory) {
    const auto spec = with_overrides({"boot.kernel=a/Image", "boot.initrd=\"/b\""});
    ASSERT_TRUE(spec) << error_of(spec);
    EXPECT_EQ(spec->boot.kernel, "a/Image");
    EXPECT_EQ(spec->boot.initrd, "/b");
}

TEST(RealmSpecOverrides, Text_NeedsNoQuotes) {
    for (const char* text : {"quiet", "1", "1e5", "true", "2026-07-01", "a=b c=\"d e\"", "[1]",
                             "a#b", "", "1\nx=2", "[x", "\xff"}) {
        const auto spec = with_overrides({fmt::format("boot.cmdline={}", text)});
        ASSERT_TRUE(spec) << error_of(spec);
        EXPECT_EQ(spec->boot.cmdline, text);
    }
    EXPECT_EQ(with_overrides({"boot.cmdline=\"a b\""})->boot.cmdline, "a b");
    EXPECT_EQ(with_overrides({"realm.personalization=12"})->realm->personalization[0],
              std::byte{0x12});
}

TEST(RealmSpecOverrides, LastOneAndNotTheFile_Counts) {
    const auto spec = parse_config("[boot]\nkernel = \"Image\"\n[machine]\nvcpus = 9999\n",
                                   "image.cfg", {false, {"machine.vcpus=0", "machine.vcpus=3"}});
    ASSERT_TRUE(spec) << error_of(spec);
    EXPECT_EQ(spec->machine.vcpus, 3u);
}

TEST(RealmSpecOverrides, RealmKey_MakesARealm) {
    const auto spec = with_overrides({"realm.sve_vl=128"});
    ASSERT_TRUE(spec) << error_of(spec);
    ASSERT_TRUE(spec->realm);
    EXPECT_THAT(spec->host.allow, ElementsAre(HostKind::kCca));
}

TEST(RealmSpecOverrides, Error_IsOneLine) {
    EXPECT_EQ(error_of(with_overrides({"machine.vcpus=1\n2"})),
              "--set machine.vcpus=1\\n2: machine.vcpus must be a whole number from 1 to 512, not "
              "\"1\\n2\"");
}

TEST(RealmSpecPersonalization, File_IsPaddedWithZeros) {
    const Folder folder;
    folder.write("rpv.bin", std::string("\x01\x00\xff", 3));
    const auto config = folder.write(
        "image.cfg", "[boot]\nkernel = \"Image\"\n[realm]\npersonalization_file = \"rpv.bin\"\n");
    const auto spec = load_config(config, {});
    ASSERT_TRUE(spec) << error_of(spec);
    EXPECT_EQ(to_hex(spec->realm->personalization), "0100ff" + std::string(122, '0'));

    const auto replaced = load_config(config, {false, {"realm.personalization=aa"}});
    ASSERT_TRUE(replaced) << error_of(replaced);
    EXPECT_EQ(to_hex(replaced->realm->personalization), "aa" + std::string(126, '0'));
}

TEST(RealmSpecPersonalization, BadFile_IsAnErrorOfTheImage) {
    const Folder folder;
    folder.write("empty", "");
    folder.write("full", std::string(64, 'x'));
    folder.write("long", std::string(65, 'x'));
    const auto load = [&](std::string_view name) {
        return load_config(
            folder.write("image.cfg", fmt::format("[boot]\nkernel = \"Image\"\n[realm]\n"
                                                  "personalization_file = \"{}\"\n",
                                                  name)),
            {});
    };
    EXPECT_TRUE(load("full"));
    EXPECT_THAT(error_of(load("empty")), HasSubstr("empty is empty"));
    EXPECT_THAT(error_of(load("long")), HasSubstr("65 bytes, at most 64 fit"));
    EXPECT_THAT(error_of(load("missing")), HasSubstr("image.cfg:4:24: cannot open"));
    EXPECT_THAT(error_of(load(".")), HasSubstr("is a directory"));
    EXPECT_EQ(load("missing").error().stage(), Stage::kImage);
}

TEST(RealmSpecFile, NoConfigFile_IsOneLine) {
    const Folder folder;
    const auto large = folder.write("large.cfg", std::string((1 << 20) + 1, '\n'));
    EXPECT_EQ(load_config(large, {}).error().stage(), Stage::kImage);
    EXPECT_THAT(error_of(load_config(large, {})), HasSubstr("too large"));
    EXPECT_THAT(error_of(load_config(data("missing.cfg"), {})), HasSubstr("cannot open config"));
    EXPECT_THAT(error_of(load_config(data("."), {})), HasSubstr("is a directory"));
    EXPECT_THAT(error_of(load_config(folder.write("e.cfg", ""), {})),
                HasSubstr("e.cfg: boot.kernel is missing"));
}

TEST(RealmSpecFile, BinaryConfig_IsRefusedWithThePlace) {
    const auto parse = [](std::string_view text) {
        return error_of(parse_config(text, "image.cfg", {}));
    };
    EXPECT_EQ(parse("\x7f"
                    "ELF"),
              "image.cfg:1:1: byte 0x7f does not belong in a text file");
    EXPECT_EQ(parse({"[boot]\n# \xc3\xa9\0", 12}),
              "image.cfg:2:4: byte 0x00 does not belong in a text file");
    EXPECT_EQ(parse("[boot]\nkernel = \"\xff\"\n"),
              "image.cfg:2:10: not valid TOML: encountered invalid utf-8 sequence");
    EXPECT_THAT(parse("\x1f\x8b"), StartsWith("image.cfg:1:1: byte 0x1f"));
    EXPECT_THAT(parse("\xc0\x80"), HasSubstr("not valid TOML"));
}

TEST(RealmSpecFile, LongLine_IsRead) {
    const auto spec = parse_config("#" + std::string(100'000, 'x') + "\n" + std::string(kShortest) +
                                       "cmdline = \"" + std::string(2047, '.') + "\"\n",
                                   "image.cfg", {});
    ASSERT_TRUE(spec) << error_of(spec);
    EXPECT_EQ(spec->boot.cmdline, std::string(2047, '.'));
}

TEST(RealmSpecFile, LineOfDots_IsRefused) {
    EXPECT_EQ(error_of(parse_config("#" + std::string(4097, '.'), "image.cfg", {})),
              "image.cfg:1:4098: the line has more than 4096 dots");
    EXPECT_EQ(error_of(parse_config("#" + std::string(4096, '.') + "\n.", "image.cfg", {})),
              "image.cfg:2:1: not valid TOML: root table: expected keys, tables, whitespace or "
              "comments, saw '.'");
}

TEST(RealmSpecFile, DeeplyNestedTables_AreAnErrorAndNotACrash) {
    std::string dotted = "a";
    for (int i = 0; i < 4000; ++i) dotted += ".a";
    std::string text =
        "[" + dotted + "]\n" + dotted + " = [{\n" + dotted + " = [{\n" + dotted + " = 1 }] }]\n";
    EXPECT_FALSE(parse_config(text, "image.cfg", {}));
    text = "[" + dotted + "]\n" + dotted + " = 1\n";
    EXPECT_THAT(error_of(parse_config(text, "image.cfg", {})), HasSubstr("unknown table [a]"));
    EXPECT_FALSE(parse_config("x = " + std::string(4000, '['), "image.cfg", {}));
}

}  // namespace
}  // namespace rvmm::realm
