#include "vmm/doctor/doctor.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace rvmm::vmm {
namespace {

TEST(Doctor, Laptop_SaysWhatIsMissingAndWhatToDo) {
    HostFacts facts;
    facts.local_kvm = facts.smc = facts.cca = Obstacle{"it is x86-64, not arm64", "use the lab"};
    const Diagnosis diagnosis = diagnose(facts, {});
    EXPECT_FALSE(diagnosis.cca);
    EXPECT_FALSE(diagnosis.emulated);
    EXPECT_TRUE(diagnosis.lab);
    EXPECT_TRUE(diagnosis.vm);
    const std::string text = to_text(diagnosis, false);
    EXPECT_NE(text.find("missing kvm"), std::string::npos);
    EXPECT_NE(text.find("-> use the lab"), std::string::npos);
    EXPECT_EQ(text.find('\033'), std::string::npos) << "colour only where it is asked for";
    EXPECT_NE(to_text(diagnosis, true).find('\033'), std::string::npos);
}

TEST(Doctor, Json_HasAFindingForEachThing) {
    HostFacts facts;
    facts.is_arm64 = true;
    facts.max_ipa_bits = 48;
    facts.cca = Obstacle{"no \"realms\"", "buy one"};
    const auto json = nlohmann::json::parse(to_json(diagnose(facts, {})));
    EXPECT_EQ(json["can"]["emulated"], true);
    EXPECT_EQ(json["can"]["cca"], false);
    std::vector<std::string> names;
    for (const auto& finding : json["findings"]) {
        names.push_back(finding["name"]);
        EXPECT_EQ(finding["ok"].get<bool>(), finding["remedy"].get<std::string>().empty());
    }
    const std::vector<std::string> wanted = {"arm64",       "kvm",          "smc",
                                             "realms",      "guest-memfd",  "qemu",
                                             "host-kernel", "guest-kernel", "lab"};
    EXPECT_EQ(names, wanted);
}

TEST(Doctor, LabFile_HasAFindingForEachOfItsFiles) {
    lab::LabSearch search;
    search.machine.source = "my.toml";
    search.machine.firmware = "/nowhere/flash.bin";
    search.machine.kernel = "/nowhere/Image";
    search.machine.realms = lab::LabRealms::kCca;
    const Diagnosis diagnosis = diagnose(HostFacts(), search);
    const std::string text = to_text(diagnosis, false);
    EXPECT_NE(text.find("ok      lab-file      my.toml\n"), std::string::npos) << text;
    for (const char* line : {"missing firmware      /nowhere/flash.bin is not there\n",
                             "missing host-kernel   /nowhere/Image is not there\n"})
        EXPECT_NE(text.find(line), std::string::npos) << text;
    EXPECT_NE(text.find("-> correct my.toml\n"), std::string::npos) << text;
    EXPECT_NE(text.find("real realms on an emulated machine"), std::string::npos) << text;
}

}  // namespace
}  // namespace rvmm::vmm
