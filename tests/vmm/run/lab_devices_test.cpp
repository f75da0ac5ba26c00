// What of an image's devices goes into a lab, and how.
#include "vmm/run/lab_devices.hpp"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace rvmm::vmm {
namespace {

using ::testing::HasSubstr;

class LabDevicesTest : public ::testing::Test {
  protected:
    LabDevicesTest()
        : folder_(std::filesystem::path(::testing::TempDir()) /
                  ("rvmm-lab-devices-" + std::to_string(::getpid()))) {
        std::filesystem::create_directory(folder_);
    }
    ~LabDevicesTest() override { std::filesystem::remove_all(folder_); }

    std::filesystem::path image(const std::string& name) const {
        std::ofstream(folder_ / name) << std::string(1024, 'd');
        return folder_ / name;
    }
    std::filesystem::path path(const std::string& name) const { return folder_ / name; }
    static realm::DeviceSpec named(std::string name, decltype(realm::DeviceSpec::what) what) {
        return {.name = std::move(name), .what = std::move(what)};
    }
    static Result<LabDevices> move(std::vector<realm::DeviceSpec> devices) {
        realm::RealmSpec spec;
        spec.devices = std::move(devices);
        return devices_in_lab(std::move(spec));
    }
    static void expect_refusal(realm::DeviceSpec device, Stage stage, const std::string& message,
                               const std::string& advice) {
        const auto moved = move({std::move(device)});
        ASSERT_FALSE(moved) << message;
        EXPECT_EQ(moved.error().stage(), stage) << message;
        EXPECT_THAT(moved.error().message(), HasSubstr(message));
        EXPECT_THAT(moved.error().advice(), HasSubstr(advice));
    }

  private:
    std::filesystem::path folder_;
};

TEST_F(LabDevicesTest, Disks_AreTheLabsBlockDevicesInTheirOrder) {
    const auto moved = move({named("root", realm::DiskSpec{.path = image("a"), .readonly = true}),
                             named("rng0", realm::RngSpec{}),
                             named("data", realm::DiskSpec{.path = image("b"), .serial = "s"})});
    ASSERT_TRUE(moved) << moved.error().message();
    ASSERT_EQ(moved->disks.size(), 2u);
    EXPECT_EQ(moved->disks[0].path, path("a"));
    EXPECT_TRUE(moved->disks[0].readonly);
    EXPECT_EQ(moved->disks[1].path, path("b"));
    EXPECT_FALSE(moved->disks[1].readonly);
    const auto& devices = moved->spec.devices;
    const std::string prefix(lab::kLabDisks);
    EXPECT_EQ(std::get<realm::DiskSpec>(devices[0].what).path, prefix + "0");
    EXPECT_TRUE(std::get<realm::DiskSpec>(devices[0].what).readonly);
    EXPECT_EQ(std::get<realm::DiskSpec>(devices[2].what).path, prefix + "1");
    EXPECT_EQ(std::get<realm::DiskSpec>(devices[2].what).serial, "s") << "all else is as it was";
    EXPECT_FALSE(moved->network);
    EXPECT_TRUE(moved->files.empty());
}

TEST_F(LabDevicesTest, Passt_IsTheLabsOwn) {
    const auto moved = move({named("net0", realm::NetSpec{})});
    ASSERT_TRUE(moved);
    EXPECT_TRUE(moved->network);
}

TEST_F(LabDevicesTest, PortsInFiles_AreCollected) {
    using Port = realm::ConsolePort;
    {
        const auto moved = move({named(
            "console0",
            realm::ConsoleSpec{{{.name = "console0", .mode = Port::Mode::kStdio},
                                {.name = "log", .mode = Port::Mode::kFile, .path = path("log")},
                                {.name = "quiet", .mode = Port::Mode::kNone}}})});
        ASSERT_TRUE(moved) << moved.error().message();
        ASSERT_EQ(moved->files.size(), 1u);
        EXPECT_EQ(moved->files[0].inside, "/job/port-log");
        const auto& ports = std::get<realm::ConsoleSpec>(moved->spec.devices[0].what).ports;
        EXPECT_EQ(ports[0].path, std::nullopt);
        EXPECT_EQ(ports[1].path, "/job/port-log");
        EXPECT_EQ(ports[2].path, std::nullopt);
        EXPECT_TRUE(std::filesystem::exists(path("log"))) << "nobody else can take it";
    }
    EXPECT_FALSE(std::filesystem::exists(path("log"))) << "there was no run";
}

TEST_F(LabDevicesTest, WhatIsMissingHere_IsSaidAsWithoutALab) {
    expect_refusal(named("data", realm::DiskSpec{.path = path("none")}), Stage::kImage,
                   "data: cannot open disk", "truncate -s");
    expect_refusal(named("data", realm::DiskSpec{.path = path("")}), Stage::kImage,
                   "is a directory", "raw image");
    const auto twice = move({named("one", realm::DiskSpec{.path = image("same")}),
                             named("two", realm::DiskSpec{.path = path("same")})});
    ASSERT_FALSE(twice);
    EXPECT_THAT(twice.error().message(), HasSubstr("two: disk"));
    EXPECT_THAT(twice.error().message(), HasSubstr("in use"));
    std::ofstream(path("taken")) << "mine";
    expect_refusal(named("log", realm::ConsoleSpec{{{.name = "log",
                                                     .mode = realm::ConsolePort::Mode::kFile,
                                                     .path = path("taken")}}}),
                   Stage::kUsage, "log: cannot make the console's file", "not there yet");
}

TEST_F(LabDevicesTest, WhatNoLabCanHave_IsRefusedWithTheWayOut) {
    expect_refusal(
        named("net0", realm::NetSpec{.backend = realm::NetSpec::Backend::kTap, .tap = "tap0"}),
        Stage::kHostCannot, "net0: a lab has no way to a tap", "backend = \"passt\"");
    expect_refusal(named("net0", realm::NetSpec{.socket = "/tmp/passt.sock"}), Stage::kHostCannot,
                   "net0: a lab has no way to a passt", "leave socket out");
    expect_refusal(named("vsock0", realm::VsockSpec{.cid = 3, .path = "v.sock"}),
                   Stage::kHostCannot, "vsock0: a lab has no way to a Unix socket", "arm64 KVM");
}

}  // namespace
}  // namespace rvmm::vmm
