// The parts of the lab that need no boot.
#include "vmm/lab/lab.hpp"

#include <array>
#include <cstdlib>
#include <fstream>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.hpp"
#include "vmm/lab/kernel_modules.hpp"
#include "vmm/lab/log_tail.hpp"
#include "vmm/lab/memory_file.hpp"

namespace rvmm::vmm::lab {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// A static arm64 program, as far as anyone looks: an ELF header and one segment.
std::string arm64_program(bool interpreter) {
    std::string program(64 + 56, '\0');
    program.replace(0, 5,
                    "\x7f"
                    "ELF\x02");
    program[18] = static_cast<char>(183);  // EM_AARCH64
    program[32] = 64;                      // program headers follow
    program[56] = 1;                       // one of them
    program[64] = interpreter ? 3 : 1;     // PT_INTERP or PT_LOAD
    return program;
}

std::string kernel_image() {
    std::string image(64, '\0');
    image.replace(56, 4, "ARM\x64");
    return image;
}

/// A cache and a PATH with all that a lab needs.
class LabCache : public testing::Test {
  protected:
    LabCache() {
        std::string name = fs::temp_directory_path() / "rvmm-lab-XXXXXX";
        root_ = ::mkdtemp(name.data());
        write("bin/qemu-system-aarch64", "#!/bin/sh\n");
        fs::permissions(root_ / "bin/qemu-system-aarch64", fs::perms::owner_all);
        write("bin/rvmm", "not an ELF file");
        write("bin/rvmm-arm64", arm64_program(false));
        write("cache/busybox", arm64_program(false));
        write("cache/host-kernel/Image", kernel_image());
        write_manifest("");
        const fs::path modules = "cache/host-kernel/modules/lib/modules/6.12";
        write(modules / "modules.dep", "k/virtio_blk.ko.xz: k/dep.ko.xz\nk/dep.ko.xz:\n");
        write(modules / "modules.builtin",
              "kernel/drivers/virtio/virtio.ko\nkernel/drivers/virtio/virtio_pci.ko\n"
              "kernel/drivers/char/virtio_console.ko\n");
        write(modules / "k/virtio_blk.ko.xz", "blk");
        write(modules / "k/dep.ko.xz", "dep");
        search_ = {.cache = root_ / "cache",
                   .path = "/nonexistent:" + (root_ / "bin").native(),
                   .executable = root_ / "bin/rvmm",
                   .host_kernel = {},
                   .arm64_rvmm = {}};
    }
    ~LabCache() override { fs::remove_all(root_); }

    void write(const fs::path& path, std::string_view text) {
        fs::create_directories((root_ / path).parent_path());
        std::ofstream(root_ / path) << text;
    }
    void write_manifest(const std::string& source) {
        write("cache/manifest.json",
              R"({"host_kernel":{"release":"6.12","image":"host-kernel/Image",)"
              R"("modules":"host-kernel/modules","source":")" +
                  source + R"("},"busybox":{"path":"busybox"}})");
    }

    fs::path root_;
    LabSearch search_;
};

LabFile file(std::string path, std::size_t size) {
    return {std::move(path), std::make_shared<const Bytes>(size, std::byte{'x'})};
}

std::string text_of(const Bytes& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST_F(LabCache, AllThere_IsFound) {
    const auto config = LabConfig::find(search_);
    ASSERT_TRUE(config) << config.error().message();
    EXPECT_EQ(config->qemu, root_ / "bin/qemu-system-aarch64");
    EXPECT_EQ(config->kernel, root_ / "cache/host-kernel/Image");
    EXPECT_EQ(config->arm64_rvmm, root_ / "bin/rvmm-arm64");
    EXPECT_EQ(config->modules, root_ / "cache/host-kernel/modules/lib/modules/6.12");
    EXPECT_FALSE(config->root);
}

TEST_F(LabCache, ArmedRvmmInTheOtherBuildFolder_IsFound) {
    fs::remove(root_ / "bin/rvmm-arm64");
    write("arm64/rvmm", arm64_program(false));
    const auto config = LabConfig::find(search_);
    ASSERT_TRUE(config) << config.error().message();
    EXPECT_EQ(config->arm64_rvmm, root_ / "arm64/rvmm");
}

TEST_F(LabCache, EachThingMissing_IsNamedWithTheRemedy) {
    for (const char* thing : {"bin/qemu-system-aarch64", "cache/manifest.json", "cache/busybox",
                              "cache/host-kernel/Image", "bin/rvmm-arm64"}) {
        const fs::path hidden = root_ / "hidden";
        fs::rename(root_ / thing, hidden);
        const auto config = LabConfig::find(search_);
        ASSERT_FALSE(config) << thing;
        EXPECT_EQ(config.error().stage(), Stage::kHostCannot);
        EXPECT_THAT(config.error().message(), HasSubstr("the lab needs"));
        EXPECT_THAT(config.error().message(), Not(HasSubstr("\n")));
        EXPECT_THAT(config.error().advice(), Not(IsEmpty()));
        fs::rename(hidden, root_ / thing);
    }
}

TEST_F(LabCache, BrokenManifest_IsAnError) {
    for (const char* text :
         {"", "[]", "{}", R"({"host_kernel":1})", R"({"host_kernel":{"image":["x"]}})"}) {
        write("cache/manifest.json", text);
        const auto config = LabConfig::find(search_);
        ASSERT_FALSE(config) << text;
        EXPECT_EQ(config.error().stage(), Stage::kHostCannot);
    }
}

TEST_F(LabCache, OwnKernel_HasTheModulesOnlyIfSetupKnowsIt) {
    write("own/Image", kernel_image());
    search_.host_kernel = root_ / "own/Image";
    auto config = LabConfig::find(search_);
    ASSERT_TRUE(config) << config.error().message();
    EXPECT_EQ(config->kernel, root_ / "own/Image");
    EXPECT_FALSE(config->modules);

    write_manifest((root_ / "own/Image").native());
    config = LabConfig::find(search_);
    ASSERT_TRUE(config);
    EXPECT_TRUE(config->modules);

    write("own/Image", "MZ is an x86 kernel");
    config = LabConfig::find(search_);
    ASSERT_FALSE(config);
    EXPECT_THAT(config.error().message(), HasSubstr("is not an arm64 Image"));
}

TEST_F(LabCache, MachineOfAFile_HasItsOwnThings) {
    write("mine/qemu", "#!/bin/sh\n");
    fs::permissions(root_ / "mine/qemu", fs::perms::owner_all);
    write("mine/Image", kernel_image());
    write("mine/modules/modules.dep", "");
    search_.host_kernel = root_ / "none";
    search_.machine = {.qemu = root_ / "mine/qemu",
                       .kernel = root_ / "mine/Image",
                       .modules = root_ / "mine/modules"};
    const auto config = LabConfig::find(search_);
    ASSERT_TRUE(config) << config.error().message();
    EXPECT_EQ(config->qemu, root_ / "mine/qemu");
    EXPECT_EQ(config->kernel, root_ / "mine/Image");
    EXPECT_EQ(config->modules, root_ / "mine/modules");
    EXPECT_EQ(config->machine, search_.machine);
}

TEST_F(LabCache, EachFileThatAMachineMisses_IsNamed) {
    write("mine/Image", std::string("\x1f\x8b", 2) + std::string(62, '\0'));
    const fs::path none = root_ / "none";
    std::vector<LabMachine> machines(7);
    machines[0].qemu = none;
    machines[1].firmware = none;
    machines[2].flash = {root_ / "mine/Image", none};
    machines[3].loader = {{none, 0}};
    machines[4].kernel = none;
    machines[5].kernel = root_ / "mine/Image";
    machines[5].modules = none;
    machines[6].qemu = (root_ / "mine/Image").native();  // cannot be run
    for (LabMachine& machine : machines) {
        machine.source = "mine.toml";
        search_.machine = machine;
        const auto config = LabConfig::find(search_);
        ASSERT_FALSE(config);
        EXPECT_EQ(config.error().stage(), Stage::kHostCannot);
        EXPECT_THAT(config.error().message(),
                    testing::AnyOf(HasSubstr(none.native()), HasSubstr("mine/Image")));
    }
    search_.machine = {.kernel = root_ / "mine/Image", .kernel_address = 0x48000000};
    EXPECT_THAT(LabConfig::find(search_).error().message(), HasSubstr("is compressed"));
}

TEST_F(LabCache, ProgramOfAnotherKind_IsRefused) {
    for (const std::string& program : {std::string(),
                                       std::string("\x7f"
                                                   "ELF"),
                                       arm64_program(true), arm64_program(false).substr(0, 100),
                                       arm64_program(false).replace(18, 1, "\x3e")}) {
        write("program", program);
        search_.arm64_rvmm = root_ / "program";
        const auto config = LabConfig::find(search_);
        ASSERT_FALSE(config);
        EXPECT_THAT(config.error().message(), HasSubstr("not a static arm64 program"));
    }
}

TEST_F(LabCache, SmallFiles_TravelInTheInitramfs) {
    const auto config = LabConfig::find(search_);
    ASSERT_TRUE(config);
    const auto image = build_lab_image(*config, {file("/job/small", kLargeFile)});
    ASSERT_TRUE(image) << image.error().message();
    EXPECT_TRUE(image->payload.empty());
    const std::string archive = text_of(image->initramfs);
    EXPECT_THAT(archive, HasSubstr("lab/job/small"));
    EXPECT_THAT(archive, HasSubstr("lab/usr/bin/rvmm"));
    EXPECT_THAT(archive, Not(HasSubstr("virtio_blk")));
    EXPECT_EQ(build_lab_image(*config, {file("/job/small", kLargeFile)})->initramfs,
              image->initramfs);
}

TEST_F(LabCache, LargeFiles_TravelOnTheDiskWithItsModules) {
    const auto config = LabConfig::find(search_);
    ASSERT_TRUE(config);
    const auto image = build_lab_image(*config, {file("/lib/large", kLargeFile + 1)});
    ASSERT_TRUE(image) << image.error().message();
    EXPECT_EQ(image->payload.size() % kSectorSize, 0U);
    EXPECT_THAT(text_of(image->payload), HasSubstr("usr/lib/large"));
    const std::string archive = text_of(image->initramfs);
    EXPECT_THAT(archive, HasSubstr("modules/00-dep.ko.xz"));
    EXPECT_THAT(archive, HasSubstr("modules/01-virtio_blk.ko.xz"));
    EXPECT_THAT(archive, Not(HasSubstr("usr/lib/large")));
}

TEST_F(LabCache, VirtioAsModules_IsLoadedInOrderAndOnce) {
    const fs::path modules = "own/lib/modules/6.1";
    write("own/Image", kernel_image());
    write(modules / "modules.dep",
          "k/virtio_pci.ko.xz: k/ring.ko k/virtio.ko\nk/virtio_console.ko: k/ring.ko k/virtio.ko\n"
          "k/ring.ko: k/virtio.ko\nk/virtio.ko:\nk/virtio_blk.ko: k/ring.ko k/virtio.ko\n");
    for (const char* name : {"virtio_pci.ko.xz", "virtio_console.ko", "ring.ko", "virtio.ko"})
        write(modules / "k" / name, name);
    search_.machine.kernel = root_ / "own/Image";
    search_.machine.modules = root_ / modules;
    const auto config = LabConfig::find(search_);
    ASSERT_TRUE(config) << config.error().message();
    const auto image = build_lab_image(*config, {});
    ASSERT_TRUE(image) << image.error().message();
    const std::string archive = text_of(image->initramfs);
    for (const char* name :
         {"/00-virtio.ko", "/01-ring.ko", "/02-virtio_pci.ko.xz", "/03-virtio_console.ko"})
        EXPECT_THAT(archive, HasSubstr(std::string("modules") + name));
    EXPECT_THAT(archive, Not(HasSubstr("modules/04")));
}

TEST_F(LabCache, ZstdModule_IsUnpacked) {
    const fs::path folder = "cache/host-kernel/modules/lib/modules/6.12";
    write(folder / "modules.dep", "k/virtio_blk.ko.zst:\n");
    // zstd's frame of one raw block: magic, no checksum, 5 bytes; the block's header; its bytes.
    write(folder / "k/virtio_blk.ko.zst", std::string("\x28\xb5\x2f\xfd\x20\x05\x29\0\0"
                                                      "block",
                                                      14));
    const auto config = LabConfig::find(search_);
    ASSERT_TRUE(config);
    auto image = build_lab_image(*config, {file("/lib/large", kLargeFile + 1)});
    ASSERT_TRUE(image) << image.error().message();
    EXPECT_THAT(text_of(image->initramfs),
                HasSubstr(std::string("modules/00-virtio_blk.ko") + '\0'));

    write(folder / "k/virtio_blk.ko.zst", "block");
    image = build_lab_image(*config, {file("/lib/large", kLargeFile + 1)});
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().stage(), Stage::kHostCannot);
    EXPECT_THAT(image.error().message(), HasSubstr("virtio_blk.ko.zst"));
}

TEST_F(LabCache, RootOfTheCache_IsAdded) {
    write("cache/lab-root/etc/one", "1");
    write("cache/lab-root/lib/two", "2");
    fs::create_symlink("one", root_ / "cache/lab-root/etc/link");
    const auto config = LabConfig::find(search_);
    ASSERT_TRUE(config && config->root);
    const auto image = build_lab_image(*config, {});
    ASSERT_TRUE(image) << image.error().message();
    const std::string archive = text_of(image->initramfs);
    for (const char* path : {"lab/etc/one", "lab/usr/lib/two", "lab/etc/link"})
        EXPECT_THAT(archive, HasSubstr(path));
}

TEST_F(LabCache, FileWithNoPlace_IsRefused) {
    const auto config = LabConfig::find(search_);
    ASSERT_TRUE(config);
    for (const char* path : {"relative", "/dev/x", "/proc/x", "/sys/x", "/a/../b", "/", "/job/"}) {
        const auto image = build_lab_image(*config, {file(path, 1)});
        ASSERT_FALSE(image) << path;
        EXPECT_EQ(image.error().stage(), Stage::kImage);
    }
}

TEST_F(LabCache, RequestThatMakesNoSense_IsAUsageError) {
    const auto config = LabConfig::find(search_);
    ASSERT_TRUE(config);
    const LabRequest good{.argv = {"true"}};
    std::vector<LabRequest> bad(6, good);
    bad[0].argv.clear();
    bad[1].cpus = 0;
    bad[2].cpus = 9;
    bad[3].memory = 1024;
    bad[4].memory = (1ULL << 30) + 1;
    bad[5].collect = {"relative"};
    for (const LabRequest& request : bad) {
        const auto outcome = run_in_lab(*config, request);
        ASSERT_FALSE(outcome);
        EXPECT_EQ(outcome.error().stage(), Stage::kUsage);
    }
}

TEST_F(LabCache, QemuThatFailsAtOnce_IsALaunchErrorWithItsWords) {
    write("bin/qemu-system-aarch64", "#!/bin/sh\necho no such machine >&2\nexit 1\n");
    const auto config = LabConfig::find(search_);
    ASSERT_TRUE(config);
    const auto outcome = run_in_lab(*config, {.argv = {"true"}});
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().stage(), Stage::kLaunch);
    EXPECT_THAT(outcome.error().message(), HasSubstr("ended before it was ready"));
    EXPECT_THAT(outcome.error().message(), HasSubstr("no such machine"));
}

TEST(LabMemory, ByDefault_GrowsWithThePayload) {
    LabRequest request;
    LabMachine machine;
    EXPECT_EQ(lab_memory(machine, request, 0), 3ULL << 30);
    EXPECT_EQ(lab_memory(machine, request, 2ULL << 30), 5ULL << 30);
    EXPECT_EQ(lab_memory(machine, request, (2ULL << 30) + 512) % (1ULL << 20), 0U);
    machine.memory = 2ULL << 30;
    EXPECT_EQ(lab_memory(machine, request, 2ULL << 30), 2ULL << 30);
    request.memory = 1ULL << 30;
    EXPECT_EQ(lab_memory(machine, request, 2ULL << 30), 1ULL << 30);
}

TEST(ModulesDep, Dependencies_ComeFirst) {
    constexpr std::string_view kText =
        "kernel/a/virtio-blk.ko.xz: kernel/b.ko kernel/c.ko\nkernel/b.ko: kernel/c.ko\n"
        "kernel/c.ko:\nkernel/not_virtio_blk.ko:";
    EXPECT_THAT(find_in_modules_dep(kText, "virtio_blk"),
                ElementsAre("kernel/c.ko", "kernel/b.ko", "kernel/a/virtio-blk.ko.xz"));
    EXPECT_THAT(find_in_modules_dep(kText, "c"), ElementsAre("kernel/c.ko"));
    EXPECT_THAT(find_in_modules_dep(kText, "blk"), IsEmpty());
    EXPECT_THAT(find_in_modules_dep("", "blk"), IsEmpty());
}

TEST_F(LabCache, Modules_AreLoadableBuiltInOrMissing) {
    const fs::path folder = root_ / "cache/host-kernel/modules/lib/modules/6.12";
    EXPECT_EQ(files_for_module(folder, "virtio-blk")->size(), 2U);
    EXPECT_THAT(*files_for_module(folder, "virtio"), IsEmpty());
    EXPECT_EQ(files_for_module(folder, "nothing").error().stage(), Stage::kHostCannot);
    EXPECT_EQ(files_for_module(folder / "none", "x").error().stage(), Stage::kHostCannot);
}

TEST(LogTail, LastLines_AreIndentedPrintableAndBounded) {
    LogTail log;
    EXPECT_TRUE(log.empty());
    EXPECT_EQ(log.last_lines(3), "");
    log.push(as_bytes("one\r\n\r\ntwo\x1b[2J\nthr"));
    log.push(as_bytes("ee"));
    EXPECT_EQ(log.last_lines(2), "  two?[2J\n  three");
    EXPECT_EQ(log.last_lines(9), "  one\n  two?[2J\n  three");
    for (int i = 0; i < 100; ++i) log.push(Bytes(LogTail::kMaxBytes / 10, std::byte{'y'}));
    EXPECT_LE(log.last_lines(1).size(), 2 * LogTail::kMaxBytes + 2);
}

TEST(LogTail, KernelPanic_HasTheLastLine) {
    LogTail log;
    log.push(as_bytes("cause\n[1.0] Kernel panic - not syncing: no init\ntrace\ntrace\n"));
    EXPECT_EQ(log.last_lines(2), "  cause\n  [1.0] Kernel panic - not syncing: no init");
}

TEST(MemoryFile, Content_CanBeReadAnewButNotChanged) {
    const auto fd = make_memory_file("test", as_bytes("content"));
    ASSERT_TRUE(fd);
    const auto content = read_file("memory", path_of_inherited(fd->get()), 100);
    ASSERT_TRUE(content);
    EXPECT_EQ(text_of(*content), "content");
    EXPECT_LT(::write(fd->get(), "x", 1), 0);
    EXPECT_LT(::ftruncate(fd->get(), 0), 0);
    EXPECT_EQ(::fcntl(fd->get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

}  // namespace
}  // namespace rvmm::vmm::lab
