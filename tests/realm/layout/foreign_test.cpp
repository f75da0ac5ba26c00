#include "realm/layout/foreign.hpp"

#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "realm/dtb_builder.hpp"
#include "realm/image_builder.hpp"

namespace rvmm::realm {
namespace {

using test::kMiB;

class ForeignLayoutTest : public ::testing::Test {
  protected:
    ForeignLayoutTest() {
        image_.memory = 256 * kMiB;
        image_.kernel = dir_.write("kernel", test::ImageBuilder{}.build());
    }
    Result<ForeignLayout> lay_out(const test::DtbBuilder& dtb) {
        image_.dtb = dir_.write("dtb", dtb.build());
        return make_foreign_layout(image_, options_);
    }
    std::string error_of(const test::DtbBuilder& dtb) {
        const auto made = lay_out(dtb);
        EXPECT_FALSE(made);
        if (made) return "";
        std::string message = made.error().message();
        const std::string folder = dir_.path().native() + "/";
        for (std::size_t at; (at = message.find(folder)) != std::string::npos;)
            message.erase(at, folder.size());
        return message;
    }
    void use_qemu() {
        image_.vmm = ForeignVmm::kQemu;
        dtb_.memory = {{0x4000'0000, 256 * kMiB}};
    }
    test::TempDir dir_;
    ForeignImage image_;
    ForeignOptions options_;
    test::DtbBuilder dtb_;
};

// What was populated in the launches that were recorded on running hosts.
TEST_F(ForeignLayoutTest, KvmtoolWithFilesOfTheRecordedSizes_PopulatesTheRecordedRanges) {
    std::ifstream file(RVMM_TEST_DATA "/vectors/real-launch-v14.json");
    const auto recorded = nlohmann::json::parse(file).at("populate");
    ASSERT_EQ(recorded.size(), 3U);
    constexpr std::uint64_t kInitrd = 262 * 4096 + 1000;  // some size that needs 263 pages
    const std::uint64_t start = 0x8fe0'0000 - kInitrd - 4;
    image_.kernel = dir_.write(
        "kernel", test::ImageBuilder{.image_size = 0xc0'0000, .size = 0xad'4800}.build());
    image_.initrd = dir_.write("initrd", Bytes(kInitrd, std::byte{0x5a}));
    dtb_.initrd = {start, start + kInitrd};
    const auto made = lay_out(dtb_);
    ASSERT_TRUE(made) << made.error().message();
    for (std::size_t i = 0; i < recorded.size(); ++i) {
        const Blob& blob = made->layout.blobs.at(i);
        EXPECT_EQ(fmt::format("{:#x}", blob.range().base().value),
                  recorded[i].at("base").get<std::string>());
        EXPECT_EQ(fmt::format("{:#x}", blob.range().top().value),
                  recorded[i].at("top").get<std::string>());
    }
    EXPECT_EQ(made->layout.entry, Ipa{0x8000'0000});
    EXPECT_EQ(made->layout.fdt, Ipa{0x8fe0'0000});
    EXPECT_EQ(made->ipa_bits, 33U);
    const Blob& initrd = made->layout.blobs[1];
    EXPECT_EQ(initrd.base + initrd.lead, Ipa{start});
    EXPECT_EQ(initrd.bytes()[initrd.lead - 1], std::byte{0});
    EXPECT_EQ(initrd.bytes()[initrd.lead], std::byte{0x5a});
    EXPECT_EQ(initrd.bytes()[initrd.lead + kInitrd - 1], std::byte{0x5a});
    EXPECT_EQ(initrd.bytes()[initrd.lead + kInitrd], std::byte{0});
}

TEST_F(ForeignLayoutTest, Rounding_ReachesBothEnds) {
    options_.rounding = 0x1'0000;
    image_.initrd = dir_.write("initrd", Bytes(0x1'0000, std::byte{0x5a}));
    dtb_.initrd = {0x8fde'fffc, 0x8fdf'fffc};
    const auto made = lay_out(dtb_);
    ASSERT_TRUE(made) << made.error().message();
    EXPECT_EQ(made->layout.blobs[0].range(), IpaRange::make(Ipa{0x8000'0000}, 0x1'0000));
    EXPECT_EQ(made->layout.blobs[1].range(), IpaRange::make(Ipa{0x8fde'0000}, 0x2'0000));
    EXPECT_EQ(made->layout.blobs[1].lead, 0xfffcU);
}

TEST_F(ForeignLayoutTest, KvmtoolIpaBits_HoldTheLastAddressTwice) {
    const struct {
        std::uint64_t memory;
        unsigned bits;
    } cases[] = {{4 * kMiB, 33}, {2048 * kMiB, 33}, {2050 * kMiB, 34}, {8192 * kMiB, 35}};
    for (const auto& test : cases) {
        image_.memory = test.memory;
        const auto made = lay_out({.memory = {{0x8000'0000, test.memory}}});
        ASSERT_TRUE(made) << made.error().message();
        EXPECT_EQ(made->ipa_bits, test.bits) << test.memory;
    }
}

TEST_F(ForeignLayoutTest, KvmtoolEventLog_LiesAboveTheDeviceTree) {
    image_.event_log = true;
    const auto made = lay_out(dtb_);
    ASSERT_TRUE(made) << made.error().message();
    EXPECT_EQ(made->layout.fdt, Ipa{0x8fe0'0000});
    EXPECT_EQ(made->layout.blobs.back().kind, Blob::Kind::kLog);
    EXPECT_EQ(made->layout.blobs.back().range(), IpaRange::make(Ipa{0x8fff'0000}, 0x1'0000));
}

TEST_F(ForeignLayoutTest, QemuKernel_LiesAtRamBaseAndTheRestAboveIt) {
    use_qemu();
    image_.initrd = dir_.write("initrd", Bytes(5000, std::byte{0x5a}));
    dtb_.initrd = {0x4800'0000, 0x4800'0000 + 5000};
    dtb_.cpus = {0, 1};
    const auto made = lay_out(dtb_);
    ASSERT_TRUE(made) << made.error().message();
    EXPECT_EQ(made->layout.entry, Ipa{0x4000'0000});
    EXPECT_EQ(made->layout.fdt, Ipa{0x4820'0000});
    EXPECT_EQ(made->layout.blobs[1].range(), IpaRange::make(Ipa{0x4800'0000}, 0x2000));
    EXPECT_EQ(made->layout.blobs[2].range(), IpaRange::make(Ipa{0x4820'0000}, 0x1000));
    EXPECT_EQ(made->board.cpus.size(), 2U);
    EXPECT_EQ(made->ipa_bits, 41U);
    EXPECT_EQ(made->cmdline, "quiet");
}

TEST_F(ForeignLayoutTest, QemuGzipKernel_IsUnpacked) {
    use_qemu();
    const Bytes kernel = test::ImageBuilder{}.build();
    image_.kernel = dir_.write("kernel", test::gzip(kernel));
    const auto made = lay_out(dtb_);
    ASSERT_TRUE(made) << made.error().message();
    EXPECT_TRUE(std::ranges::equal(made->layout.blobs[0].contents.source(), kernel));
}

TEST_F(ForeignLayoutTest, QemuFirmware_LiesAtZeroAndStartsThere) {
    use_qemu();
    image_.kernel.reset();
    image_.firmware = dir_.write("firmware", Bytes(5000, std::byte{0x5a}));
    const auto made = lay_out(dtb_);
    ASSERT_TRUE(made) << made.error().message();
    EXPECT_EQ(made->layout.blobs[0].kind, Blob::Kind::kFirmware);
    EXPECT_EQ(made->layout.blobs[0].base, Ipa{0});
    EXPECT_EQ(made->layout.blobs[1].base, Ipa{0x4000'0000});
    EXPECT_EQ(made->layout.entry, Ipa{0});
    EXPECT_EQ(made->layout.fdt, Ipa{0});
}

TEST_F(ForeignLayoutTest, DeviceTreeThatContradicts_IsRefusedWithBothValues) {
    EXPECT_EQ(error_of({.memory = {{0x8000'0000, 512 * kMiB}}}),
              "dtb dtb: it has memory of 512M at 0x80000000, but it should be 256M at 0x80000000");
    EXPECT_EQ(error_of({.memory = {{0x4000'0000, 256 * kMiB}}}),
              "dtb dtb: it has memory of 256M at 0x40000000, but it should be 256M at 0x80000000");
    EXPECT_EQ(error_of({.memory = {{0x8000'0000, 256 * kMiB}, {0x1'0000'0000, kMiB}}}),
              "dtb dtb: it has memory of 256M at 0x80000000 and more, but it should be 256M at "
              "0x80000000");
    EXPECT_EQ(error_of({.initrd = {{0x8800'0000, 0x8800'1000}}}),
              "dtb dtb: it has an initrd: 4K at 0x88000000, but it should be none");
    image_.initrd = dir_.write("initrd", Bytes(5000));
    EXPECT_EQ(error_of(dtb_),
              "dtb dtb: it has an initrd: none, but it should be 5000 at 0x8fdfec74");
    EXPECT_EQ(error_of({.initrd = {{0x8fdf'ec78, 0x8fe0'0000}}}),
              "dtb dtb: it has an initrd: 5000 at 0x8fdfec78, but it should be 5000 at 0x8fdfec74");
    dtb_.cpus.assign(513, 0);
    for (std::uint32_t i = 0; i < 513; ++i) dtb_.cpus[i] = i;
    image_.initrd.reset();
    EXPECT_EQ(error_of(dtb_), "dtb dtb: it has 513 CPUs, a realm has up to 512");
}

TEST_F(ForeignLayoutTest, WhatIsNotLoadedOrNotKnown_IsRefused) {
    const Bytes kernel = test::ImageBuilder{}.build();
    image_.kernel = dir_.write("kernel", test::gzip(kernel));
    EXPECT_EQ(error_of(dtb_),
              "kernel kernel: kvmtool does not unpack kernels, and this is a packed one (gzip'd "
              "Image)");
    image_.kernel = dir_.write("kernel", kernel);
    image_.firmware = image_.kernel;
    EXPECT_EQ(error_of(dtb_).substr(0, 15), "with a firmware");
    image_.kernel.reset();
    image_.initrd = image_.firmware;
    EXPECT_EQ(error_of(dtb_).substr(0, 15), "with a firmware");
    image_.initrd.reset();
    EXPECT_EQ(error_of(dtb_), "where kvmtool puts the device tree of a firmware is not known here");
    image_.firmware.reset();
    EXPECT_EQ(error_of(dtb_), "a kernel or a firmware is needed");

    use_qemu();
    image_.kernel = dir_.write("kernel", test::ImageBuilder{.text_offset = 0x8'0000}.build());
    EXPECT_EQ(error_of(dtb_),
              "kernel kernel: where QEMU puts a kernel with a text_offset (0x80000) is not known "
              "here");
    image_.kernel = dir_.write("kernel", test::zboot(test::gzip(kernel), "gzip"));
    EXPECT_EQ(error_of(dtb_),
              "kernel kernel: how QEMU loads this format (EFI zboot) is not known here");
    image_.kernel = dir_.write("kernel", kernel);
    image_.event_log = true;
    EXPECT_EQ(error_of(dtb_), "where QEMU puts its event log is not known here");
}

TEST_F(ForeignLayoutTest, WhatDoesNotFit_IsRefused) {
    image_.memory = 2 * kMiB;
    EXPECT_EQ(error_of({.memory = {{0x8000'0000, 2 * kMiB}}}),
              "kernel (8K at 0x80000000) and fdt (64K at 0x80000000) overlap in kvmtool");
    image_.memory = 4 * kMiB;
    image_.initrd = dir_.write("initrd", Bytes(2 * kMiB - 3));
    EXPECT_EQ(
        error_of({.memory = {{0x8000'0000, 4 * kMiB}}}),
        "initrd initrd does not fit: it has 2097149 bytes, below the device tree are 2097152");
    image_.initrd.reset();
    image_.kernel = dir_.write("kernel", test::ImageBuilder{.image_size = 5 * kMiB}.build());
    EXPECT_EQ(error_of(dtb_), "kernel kernel: it needs 5242880 bytes of memory, RAM is 4M");
    use_qemu();
    image_.kernel = dir_.write("kernel", test::ImageBuilder{.image_size = 4 * kMiB}.build());
    EXPECT_EQ(error_of({.memory = {{0x4000'0000, 4 * kMiB}}}),
              "fdt (4K at 0x40400000) does not fit RAM (4M at 0x40000000)");
}

TEST_F(ForeignLayoutTest, BadFiles_AreRefused) {
    image_.initrd = dir_.write("initrd", {});
    EXPECT_EQ(error_of(dtb_), "initrd initrd: it is empty");
    image_.initrd.reset();
    image_.dtb = dir_.write("dtb", Bytes(100));
    EXPECT_EQ(make_foreign_layout(image_, options_).error().stage(), Stage::kImage);
    Bytes large = dtb_.build();
    large.resize(0x1'0001);
    image_.dtb = dir_.write("dtb", large);
    const auto made = make_foreign_layout(image_, options_);
    ASSERT_FALSE(made);
    EXPECT_NE(made.error().message().find("it has 65537 bytes, kvmtool's have up to 65536"),
              std::string::npos);
}

}  // namespace
}  // namespace rvmm::realm
