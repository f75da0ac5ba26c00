// Files that describe a lab's machine: what they say, what is refused, and docs/lab.md.
#include "vmm/lab/lab_machine.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vmm/lab/lab_config.hpp"
#include "vmm/lab/lab_keys.hpp"

namespace rvmm::vmm::lab {
namespace {

using testing::HasSubstr;

LabMachine machine_of(std::string_view text) {
    auto machine = LabMachine::parse(text, "labs/my.toml");
    EXPECT_TRUE(machine) << (machine ? "" : machine.error().message());
    return machine ? *std::move(machine) : LabMachine();
}

std::string read_doc() {
    std::ifstream file(RVMM_TEST_DOCS "/lab.md");
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

TEST(LabMachine, EmptyFile_IsTheStockMachine) {
    EXPECT_EQ(machine_of("# nothing\n"), LabMachine{.source = "labs/my.toml"});
    EXPECT_EQ(machine_of("[machine]\n[kernel]\n"), LabMachine{.source = "labs/my.toml"});
}

TEST(LabMachine, EachKey_IsTaken) {
    const LabMachine machine = machine_of(
        "[machine]\nqemu = \"bin/qemu\"\nmachine = \"virt,secure=on\"\ncpu = \"max,x-rme=on\"\n"
        "cpus = 4\nmemory = \"3G\"\nfirmware = \"flash.bin\"\narguments = [\"-icount\", \"7\"]\n"
        "boot_limit = 300\nrealms = \"cca\"\n"
        "[kernel]\nimage = \"Image\"\nmodules = \"/lib/modules/6.1\"\narguments = \"nokaslr\"\n"
        "address = 0x4800_0000\ninitrd_address = 0x6000_0000\n"
        "[[loader]]\nfile = \"a\"\naddress = 0\n"
        "[[loader]]\naddress = 0x4000\nfile = \"b\"\n");
    const LabMachine wanted{.source = "labs/my.toml",
                            .qemu = "labs/bin/qemu",
                            .machine = "virt,secure=on",
                            .cpu = "max,x-rme=on",
                            .cpus = 4,
                            .memory = 3ULL << 30,
                            .firmware = "labs/flash.bin",
                            .arguments = {"-icount", "7"},
                            .boot_limit = std::chrono::seconds(300),
                            .realms = LabRealms::kCca,
                            .kernel = "labs/Image",
                            .modules = "/lib/modules/6.1",
                            .kernel_arguments = "nokaslr",
                            .kernel_address = 0x48000000,
                            .initrd_address = 0x60000000,
                            .loader = {{"labs/a", 0}, {"labs/b", 0x4000}}};
    EXPECT_EQ(machine, wanted);
    const auto files = machine_files(machine);
    ASSERT_EQ(files.size(), 3U);
    EXPECT_EQ(files[0].path, "labs/flash.bin");
    EXPECT_EQ(files[2].path, "labs/b");
}

TEST(LabMachine, ProgramInPath_StaysAName) {
    EXPECT_EQ(machine_of("[machine]\nqemu = \"qemu-10\"\n").qemu, "qemu-10");
}

TEST(LabMachine, LoaderAsAnInlineArray_IsTheSame) {
    const LabMachine machine = machine_of(
        "loader = [{file = \"a\", address = 1}, {address = 2, file = \"b\"}]\n[machine]\n"
        "flash = [\"0.fd\", \"/1.fd\"]\n");
    const std::vector<LoaderItem> wanted = {{"labs/a", 1}, {"labs/b", 2}};
    EXPECT_EQ(machine.loader, wanted);
    EXPECT_THAT(machine.flash, testing::ElementsAre("labs/0.fd", "/1.fd"));
}

TEST(LabMachine, EachWrongFile_GivesItsLine) {
    std::ifstream file(RVMM_TEST_DATA "/config/lab_errors.txt");
    std::string name, text;
    std::size_t cases = 0;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("== ")) {
            name = line.substr(3);
            text.clear();
        } else if (line.starts_with("=> ")) {
            const auto machine = LabMachine::parse(text, "my.toml");
            ASSERT_FALSE(machine) << name;
            EXPECT_EQ(machine.error().message(), line.substr(3)) << name;
            EXPECT_EQ(machine.error().stage(), Stage::kConfig) << name;
            ++cases;
        } else if (!name.empty()) {
            text += line + "\n";
        }
    }
    EXPECT_GE(cases, 30U);
}

TEST(LabMachine, MissingFile_IsNamed) {
    const auto machine = LabMachine::load("/nowhere/my.toml");
    ASSERT_FALSE(machine);
    EXPECT_EQ(machine.error().stage(), Stage::kImage);
    EXPECT_THAT(machine.error().message(), HasSubstr("cannot open lab /nowhere/my.toml"));
}

TEST(LabSearch, Option_WinsOverTheVariable) {
    const std::string folder = RVMM_TEST_OUTPUT;
    std::ofstream(folder + "/a.toml") << "[machine]\ncpus = 3\n";
    std::ofstream(folder + "/b.toml") << "[machine]\ncpus = 5\n";
    ::setenv("RVMM_LAB", (folder + "/a.toml").c_str(), 1);
    auto search = LabSearch::from_environment("");
    ASSERT_TRUE(search) << search.error().message();
    EXPECT_EQ(search->machine.cpus, 3U);
    search = LabSearch::from_environment(folder + "/b.toml");
    ASSERT_TRUE(search) << search.error().message();
    EXPECT_EQ(search->machine.cpus, 5U);
    ::unsetenv("RVMM_LAB");
    search = LabSearch::from_environment("");
    ASSERT_TRUE(search);
    EXPECT_EQ(search->machine, LabMachine());
}

// docs/lab.md names every key with what it takes.
TEST(LabDoc, EachKey_IsThere) {
    const std::string doc = read_doc();
    for (const LabKey& key : lab_keys()) {
        const std::string heading =
            key.table == "loader" ? "\n### [[loader]]\n" : fmt::format("\n### [{}]\n", key.table);
        const std::size_t table = doc.find(heading);
        ASSERT_NE(table, std::string::npos) << heading;
        EXPECT_NE(doc.find(fmt::format("\n| `{}` | {} | ", key.name, key.takes), table),
                  std::string::npos)
            << key.name << " | " << key.takes;
    }
}

TEST(LabDoc, Examples_AreTaken) {
    const std::string doc = read_doc();
    std::vector<LabMachine> machines;
    for (std::size_t at = 0; (at = doc.find("```toml\n", at)) != std::string::npos;) {
        at += 8;
        machines.push_back(machine_of(doc.substr(at, doc.find("```", at) - at)));
    }
    ASSERT_EQ(machines.size(), 2U);
    EXPECT_FALSE(machines[0].modules.empty());
    EXPECT_EQ(machines[1].realms, LabRealms::kCca);
}

}  // namespace
}  // namespace rvmm::vmm::lab
