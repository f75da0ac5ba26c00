// Profiles of a file, and how profiles are printed.
#include "realm/plan/profile_file.hpp"

#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "realm/image_builder.hpp"
#include "realm/plan/profile_text.hpp"

namespace rvmm::realm {
namespace {

ProfileTable table_of(std::string_view text) {
    auto table = ProfileTable::with_text(text, "mine.toml");
    EXPECT_TRUE(table) << (table ? "" : table.error().message());
    return table ? *std::move(table) : ProfileTable::built_in();
}

const Profile& row(const ProfileTable& table, std::string_view name) {
    const auto found = table.find(name);
    EXPECT_TRUE(found) << name;
    return found ? **found : table.rows().front();
}

TEST(ProfileFile, EmptyText_IsTheBuiltInTable) {
    const ProfileTable table = table_of("# nothing\n");
    EXPECT_TRUE(std::ranges::equal(table.rows(), ProfileTable::built_in().rows()));
}

TEST(ProfileFile, NewName_IsAddedLikeAnother) {
    const ProfileTable table = table_of(
        "[\"my host\"]\nlike = \"kvm-v12\"\nhashes = [\"sha512\", \"sha256\"]\nbreakpoints = true\n"
        "personalization = true\npmu = false\nlpa2 = true\nhost = \"kvm-mine\"\n"
        "note = \"as seen\"\n");
    EXPECT_EQ(table.rows().size(), ProfileTable::built_in().rows().size() + 1);
    Profile expected = row(ProfileTable::built_in(), "kvm-v12");
    expected.name = "my host";
    expected.host = "kvm-mine";
    expected.hashes = {measure::Hash::kSha512, measure::Hash::kSha256};
    expected.sets_breakpoints = true;
    expected.sets_personalization = true;
    expected.sets_pmu = false;
    expected.lpa2 = true;
    expected.verified = false;
    expected.note = "as seen";
    EXPECT_EQ(row(table, "my host"), expected);
    EXPECT_EQ(&row(table, "kvm-mine"), &table.rows().back());
}

TEST(ProfileFile, ExistingName_IsChangedInPlace) {
    const ProfileTable table = table_of(
        "[kvm-v12]\nrule = \"rmm-2.0/tf-rmm\"\npage_size = 65536\norder = \"ripas, populate, "
        "recs\"\nripas = \"whole-range\"\n");
    EXPECT_EQ(table.rows().size(), ProfileTable::built_in().rows().size());
    Profile expected = row(ProfileTable::built_in(), "kvm-v12");
    expected.rule = measure::Rule::kRmm2TfRmm;
    expected.page_size = 65536;
    expected.order = StepOrder::kRipasPopulateRecs;
    expected.ripas = RipasEntries::kWholeRange;
    expected.verified = false;
    expected.note = "changed by mine.toml";
    EXPECT_EQ(row(table, "rmm-1.0 + kvm-v12"), expected);
}

TEST(ProfileFile, LaterRow_CanBeLikeAnEarlierOne) {
    const ProfileTable table =
        table_of("[a]\nlike = \"emulated\"\npage_size = \"16K\"\n[b]\nlike = \"a\"\n");
    EXPECT_EQ(row(table, "b").page_size, 16384U);
    EXPECT_EQ(row(table, "b").note, "from mine.toml, like \"a\"");
    EXPECT_EQ(table.rows().front(), ProfileTable::built_in().rows().front());
}

TEST(ProfileFile, DottedKeys_AreTakenToo) {
    EXPECT_EQ(row(table_of("a.like = \"emulated\"\na.pmu = false\n"), "a").sets_pmu, false);
}

TEST(ProfileFile, EachWrongFile_GivesItsLine) {
    std::ifstream file(RVMM_TEST_DATA "/config/profile_errors.txt");
    std::string name, text;
    std::size_t cases = 0;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("== ")) {
            name = line.substr(3);
            text.clear();
        } else if (line.starts_with("=> ")) {
            const auto table = ProfileTable::with_text(text, "mine.toml");
            ASSERT_FALSE(table) << name;
            EXPECT_EQ(table.error().message(), line.substr(3)) << name;
            EXPECT_EQ(table.error().stage(), Stage::kConfig) << name;
            ++cases;
        } else if (!name.empty()) {
            text += line + "\n";
        }
    }
    EXPECT_GE(cases, 20U);
}

TEST(ProfileText, Table_HasALineForEach) {
    const auto rows = ProfileTable::built_in().rows();
    const std::string text = to_text(rows);
    EXPECT_EQ(std::ranges::count(text, '\n'), static_cast<std::ptrdiff_t>(rows.size() + 1));
    EXPECT_TRUE(text.starts_with("PROFILE "));
    EXPECT_NE(text.find("\nrmm-1.0 + kvm-v10               4K    sha256 sha512         "
                        "personalization pmu              yes       also v5 to v11; the order is "
                        "the VMM's\n"),
              std::string::npos)
        << text;
    EXPECT_EQ(text.find(" \n"), std::string::npos);
}

TEST(ProfileText, OneProfile_IsToldWhole) {
    EXPECT_EQ(to_text(row(ProfileTable::built_in(), "kvm-v12")),
              "profile          rmm-1.0 + kvm-v12\n"
              "rule             rmm-1.0\n"
              "host             kvm-v12\n"
              "page size        4K\n"
              "order            populate, recs, ripas\n"
              "RIPAS            gaps: an entry for each block that population left over\n"
              "hashes           sha256\n"
              "personalization  always zero\n"
              "PMU              can be asked for\n"
              "breakpoints      the host's: it must have as many\n"
              "LPA2             no\n"
              "verified         yes: a RIM by it equals that of a running RMM\n");
}

// A profile that is printed as JSON and written as a file again is the same profile.
TEST(ProfileText, Json_SaysAllThatAFileCanSay) {
    const auto document = nlohmann::json::parse(to_json(ProfileTable::built_in().rows()));
    EXPECT_EQ(document.at("profiles").size(), ProfileTable::built_in().rows().size());
    for (const auto& object : document.at("profiles")) {
        std::string text = "[copy]\nlike = \"emulated\"\n";
        for (const auto& [key, value] : object.items())
            if (key != "name" && key != "verified") text += key + " = " + value.dump() + "\n";
        Profile expected = row(ProfileTable::built_in(), object.at("name").get<std::string>());
        expected.name = "copy";
        expected.verified = false;
        EXPECT_EQ(row(table_of(text), "copy"), expected) << text;
    }
}

// docs/measure.md names every key with what it takes.
TEST(ProfileDoc, EachKey_IsThere) {
    std::ifstream file(RVMM_TEST_DOCS "/measure.md");
    std::stringstream doc;
    doc << file.rdbuf();
    for (const ConfigKey& key : profile_keys())
        EXPECT_NE(doc.str().find(fmt::format("\n| `{}` | {} | ", key.name, expectation(key.rule))),
                  std::string::npos)
            << key.name << " | " << expectation(key.rule);
}

TEST(ProfileDoc, Example_IsTaken) {
    std::ifstream file(RVMM_TEST_DOCS "/measure.md");
    std::stringstream doc;
    doc << file.rdbuf();
    const std::string text = doc.str();
    const std::size_t start = text.find("```toml\n[\"our cloud\"]");
    ASSERT_NE(start, std::string::npos);
    const std::size_t at = start + 8;
    const ProfileTable table = table_of(text.substr(at, text.find("```", at) - at));
    EXPECT_EQ(row(table, "our cloud").rule, measure::Rule::kRmm1);
}

}  // namespace
}  // namespace rvmm::realm
