#include <cerrno>
#include <cstring>
#include <functional>

#include <gtest/gtest.h>
#include <linux/kvm.h>

#include "vmm/kvm/inject_driver.hpp"
#include "vmm/kvm/realm_abi.hpp"

namespace rvmm::vmm::kvm {
namespace {

constexpr int kVm = 4, kFirst = 5, kSecond = 6;

/// A kernel that counts calls and answers them as the test says.
class CountingDriver final : public Driver {
  public:
    int open_kvm() override { return 3; }
    long ioctl(int, unsigned long, std::uintptr_t argument) override {
        ++calls;
        return answer(argument);
    }
    Result<Mapping> map_run(int, std::size_t size) override {
        return Mapping::create("run", size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
    }
    int punch_hole(int, std::uint64_t, std::uint64_t) override { return 0; }
    std::optional<std::uint64_t> module_parameter(std::string_view) override { return {}; }
    std::uint64_t page_size() override { return 4096; }

    int calls = 0;
    std::function<long(std::uintptr_t argument)> answer = [](std::uintptr_t) { return 0L; };
};

class InjectTest : public ::testing::Test {
  protected:
    InjectDriver inject(std::string_view text) {
        auto injections = Injections::parse(text);
        EXPECT_TRUE(injections) << injections.error().message();
        return {kernel_, *std::move(injections)};
    }
    template <class T>
    static long pass(Driver& driver, int fd, unsigned long request, T& record) {
        return driver.ioctl(fd, request, reinterpret_cast<std::uintptr_t>(&record));
    }

    CountingDriver kernel_;
    abi::Populate populate_ = {0x8000'0000, 0x5000, 0x7000'0000, abi::kPopulateMeasure, 0};
};

TEST_F(InjectTest, NthCall_FailsAndDoesNotReachTheKernel) {
    InjectDriver driver = inject("SET_MEMORY_ATTRIBUTES#2=ENOMEM,PUNCH_HOLE#1=EIO,OPEN#1=EACCES");
    abi::MemoryAttributes attributes = {};
    EXPECT_EQ(pass(driver, kVm, abi::kSetMemoryAttributes, attributes), 0);
    EXPECT_EQ(pass(driver, kVm, abi::kSetMemoryAttributes, attributes), -ENOMEM);
    EXPECT_EQ(pass(driver, kVm, abi::kSetMemoryAttributes, attributes), 0);
    EXPECT_EQ(kernel_.calls, 2);
    EXPECT_EQ(driver.punch_hole(kVm, 0, 4096), -EIO);
    EXPECT_EQ(driver.punch_hole(kVm, 0, 4096), 0);
    EXPECT_EQ(driver.open_kvm(), -EACCES);
    EXPECT_EQ(driver.open_kvm(), 3);
}

TEST_F(InjectTest, Name_IsThatOfEveryRevisionOrOfOne) {
    InjectDriver any = inject("POPULATE#1=ENXIO");
    EXPECT_EQ(pass(any, kVm, abi::kPopulateV12, populate_), -ENXIO);
    InjectDriver one = inject("POPULATE/v12#1=ENXIO");
    EXPECT_EQ(pass(one, kVm, abi::kPopulateV13, populate_), 0);
    EXPECT_EQ(pass(one, kVm, abi::kPopulateV12, populate_), -ENXIO);
    abi::EnableCap activate = {};
    activate.cap = abi::kCapRmeV10;
    activate.args[0] = static_cast<std::uint64_t>(abi::RealmCommand::kActivate);
    InjectDriver command = inject("ACTIVATE#1=ENXIO");
    EXPECT_EQ(pass(command, kVm, abi::kEnableCap, activate), -ENXIO);
}

TEST_F(InjectTest, PopulatePages_AreToldAsTheRevisionDoes) {
    InjectDriver driver = inject("POPULATE:pages=3");
    kernel_.answer = [](std::uintptr_t argument) {
        return static_cast<long>(reinterpret_cast<abi::Populate*>(argument)->size);
    };
    EXPECT_EQ(pass(driver, kVm, abi::kPopulateV12, populate_), 0x3000);
    EXPECT_EQ(populate_.size, 0x5000u) << "v12 leaves the record alone";

    kernel_.answer = [](std::uintptr_t argument) {
        auto& record = *reinterpret_cast<abi::Populate*>(argument);
        record.base += record.size;
        record.source += record.size;
        record.size = 0;
        return 0L;
    };
    EXPECT_EQ(pass(driver, kVm, abi::kPopulateV13, populate_), 0);
    EXPECT_EQ(populate_.base, 0x8000'3000u);
    EXPECT_EQ(populate_.source, 0x7000'3000u);
    EXPECT_EQ(populate_.size, 0x2000u);
    EXPECT_EQ(pass(driver, kVm, abi::kPopulateV13, populate_), 0);
    EXPECT_EQ(populate_.size, 0u);
    kernel_.answer = [](std::uintptr_t) { return long{-EFAULT}; };
    EXPECT_EQ(driver.ioctl(kVm, abi::kPopulateV13, 0), -EFAULT) << "probes pass";
}

TEST_F(InjectTest, PopulateEintr_IsEveryOtherCall) {
    InjectDriver driver = inject("POPULATE:eintr,POPULATE:pages=1");
    kernel_.answer = [](std::uintptr_t argument) {
        return static_cast<long>(reinterpret_cast<abi::Populate*>(argument)->size);
    };
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(pass(driver, kVm, abi::kPopulateV12, populate_), -EINTR);
        EXPECT_EQ(pass(driver, kVm, abi::kPopulateV12, populate_), 0x1000);
    }
}

TEST_F(InjectTest, PopulateOfV10_HasNoPartsToInject) {
    InjectDriver driver = inject("POPULATE:pages=3");
    abi::PopulateV10 record = {};
    abi::EnableCap populate = {};
    populate.cap = abi::kCapRmeV10;
    populate.args[0] = static_cast<std::uint64_t>(abi::RealmCommand::kPopulate);
    populate.args[1] = reinterpret_cast<std::uintptr_t>(&record);
    EXPECT_EQ(pass(driver, kVm, abi::kEnableCap, populate), -EOPNOTSUPP);
    EXPECT_EQ(kernel_.calls, 0);
}

TEST_F(InjectTest, Storm_IsOfVcpu0AndHidesNothing) {
    InjectDriver driver = inject("RUN:faults=3@0x80400000");
    kernel_.answer = [](std::uintptr_t) { return long{kFirst}; };
    driver.ioctl(kVm, KVM_CREATE_VCPU, 0);
    auto mapping = driver.map_run(kFirst, 4096);
    ASSERT_TRUE(mapping);
    auto& run = *reinterpret_cast<kvm_run*>(mapping->data());
    kernel_.answer = [&](std::uintptr_t) {
        run.exit_reason = KVM_EXIT_MMIO;
        run.mmio = {0x100'0000, {}, 4, 0};
        return 0L;
    };
    EXPECT_EQ(driver.ioctl(kFirst, KVM_RUN, 0), 0) << "vCPU 0 runs once before the storm";
    run.mmio.data[0] = 0x42;
    kernel_.answer = [](std::uintptr_t) { return 0L; };
    for (const std::uint64_t flags : {0ULL, 8ULL, 0ULL}) {
        EXPECT_EQ(driver.ioctl(kSecond, KVM_RUN, 0), 0) << "of vCPU 0 alone";
        EXPECT_EQ(driver.ioctl(kFirst, KVM_RUN, 0), -EFAULT);
        EXPECT_EQ(run.exit_reason, std::uint32_t{KVM_EXIT_MEMORY_FAULT});
        EXPECT_EQ(run.memory_fault.flags, flags);
        EXPECT_EQ(run.memory_fault.gpa, 0x8040'0000u);
        EXPECT_EQ(run.memory_fault.size, 4096u);
        run.exit_reason = 0;  // as whoever handles it does
        if (flags == 8) {
            run.immediate_exit = 1;
            EXPECT_EQ(driver.ioctl(kFirst, KVM_RUN, 0), -EINTR);
            run.immediate_exit = 0;
        }
    }
    kernel_.answer = [&](std::uintptr_t) {
        EXPECT_EQ(run.exit_reason, std::uint32_t{KVM_EXIT_MMIO});
        EXPECT_EQ(run.mmio.data[0], 0x42) << "the read is still to be completed";
        return 0L;
    };
    EXPECT_EQ(driver.ioctl(kFirst, KVM_RUN, 0), 0);
    EXPECT_EQ(driver.ioctl(kFirst, KVM_RUN, 0), 0);
}

TEST(Injections, BadPart_IsNamed) {
    for (const std::string_view text :
         {"NOTHING#1=EIO", "RUN#0=EIO", "RUN#1=EWHAT", "RUN", "RUN=EIO", "RUN#x=EIO",
          "POPULATE:pages=0", "POPULATE:pages=", "RUN:faults=", "RUN:faults=3@", "POPULATE:all",
          "RUN#1", "#1=EIO"}) {
        const auto injections = Injections::parse("OPEN#1=EIO," + std::string(text));
        ASSERT_FALSE(injections) << text;
        EXPECT_EQ(injections.error().stage(), Stage::kUsage);
        EXPECT_NE(injections.error().message().find(text), std::string::npos) << text;
    }
    EXPECT_FALSE(Injections::parse("OPEN#1=EIO,"));
    EXPECT_TRUE(Injections::parse(""));
}

}  // namespace
}  // namespace rvmm::vmm::kvm
