#include "realm/plan/explain.hpp"

#include <gmock/gmock.h>

#include "realm/plan/golden.hpp"
#include "realm/plan/small_image.hpp"

namespace rvmm::realm {
namespace {

using ::testing::HasSubstr;

/// The explanation, with the test's folder taken out of it.
std::string explained(const test::SmallImage& image) {
    auto text = explain(image.plan()).value_or("");
    const std::string folder = image.dir.path().native() + "/";
    for (std::size_t at = 0; (at = text.find(folder)) != std::string::npos;)
        text.erase(at, folder.size());
    return text;
}

TEST(Explain, SmallImage_IsTheGoldenText) {
    EXPECT_EQ(explained(test::SmallImage()), test::golden("explain-small.txt"));
}

TEST(Explain, V12_CountsItsRipasEntries) {
    test::SmallImage image;
    image.spec.realm->profile = "kvm-v12";
    image.spec.realm->pmu_counters = 5;
    const std::string text = explained(image);
    EXPECT_THAT(text, HasSubstr("profile  rmm-1.0 + kvm-v12: verified against a running RMM\n"));
    EXPECT_THAT(text, HasSubstr("gets its RIPAS; each RTT entry is measured\n"
                                "     entries: 29 of 2M, 1530 of 4K\n"));
    EXPECT_THAT(text, HasSubstr("pmu_num_ctrs  5     5 PMU counters"));
    EXPECT_THAT(text, HasSubstr("only through the device tree, RIPAS and"));
}

TEST(Explain, Drafts_DoNotMeasureParameters) {
    test::SmallImage image;
    image.spec.realm->profile = "rmm-2.0/spec + kvm-v14";
    const std::string text = explained(image);
    EXPECT_THAT(text, HasSubstr("not verified (the draft's text; no public RMM seen doing it)\n"));
    EXPECT_THAT(text, HasSubstr("1. the realm is created; its parameters are not measured\n"));
}

TEST(Explain, OrdinaryVm_HasNothingToExplain) {
    test::SmallImage image;
    image.spec.realm.reset();
    EXPECT_FALSE(explain(image.plan()));
}

}  // namespace
}  // namespace rvmm::realm
