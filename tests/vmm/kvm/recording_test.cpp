#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/kvm.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vmm/kvm/call_text.hpp"
#include "vmm/kvm/realm_abi.hpp"
#include "vmm/kvm/recording_driver.hpp"

namespace rvmm::vmm::kvm {
namespace {

using ::testing::ElementsAre;

/// A kernel that answers each call as the test says.
class AnsweringDriver final : public Driver {
  public:
    int open_kvm() override { return 3; }
    long ioctl(int, unsigned long, std::uintptr_t argument) override { return answer(argument); }
    Result<Mapping> map_run(int, std::size_t size) override {
        return Mapping::create("run", size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
    }
    int punch_hole(int, std::uint64_t, std::uint64_t) override { return hole; }
    std::optional<std::uint64_t> module_parameter(std::string_view name) override {
        if (name == "kvm_cap_arm_rmi") return 249;
        return std::nullopt;
    }
    std::uint64_t page_size() override { return 4096; }

    std::function<long(std::uintptr_t argument)> answer = [](std::uintptr_t) { return 0L; };
    int hole = 0;
};

class RecordingTest : public ::testing::Test {
  protected:
    static constexpr int kKvm = 3, kVm = 4, kVcpu = 5, kGmem = 6, kGic = 7;

    long call(int fd, unsigned long request, std::uintptr_t argument, long result = 0) {
        inner_.answer = [result](std::uintptr_t) { return result; };
        return recorder_.ioctl(fd, request, argument);
    }
    template <class T>
    long pass(int fd, unsigned long request, const T& record, long result = 0) {
        return call(fd, request, reinterpret_cast<std::uintptr_t>(&record), result);
    }
    template <class T>
    void set_register(std::uint64_t id, const T& value) {
        pass(kVcpu, KVM_SET_ONE_REG, kvm_one_reg{id, reinterpret_cast<std::uintptr_t>(&value)});
    }
    /// A VM with a vCPU; their lines are forgotten.
    void make_vm(std::uint64_t type = 40) {
        recorder_.open_kvm();
        call(kKvm, KVM_CREATE_VM, type, kVm);
        call(kVm, KVM_CREATE_VCPU, 0, kVcpu);
        lines_.clear();
    }
    /// The last line.
    std::string line() const { return lines_.empty() ? "" : lines_.back(); }

    AnsweringDriver inner_;
    std::vector<std::string> lines_;
    RecordingDriver recorder_{inner_, [this](std::string_view line) { lines_.emplace_back(line); }};
};

TEST_F(RecordingTest, Objects_HaveNamesAndAreTheirMakersResults) {
    recorder_.open_kvm();
    call(kKvm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE, 48);
    call(kKvm, KVM_CREATE_VM, abi::kRealmTypeV14 | 40, -EINVAL);
    call(kKvm, KVM_CREATE_VM, abi::kRealmTypeV10 | 40, kVm);
    call(kVm, KVM_CREATE_VCPU, 2, kVcpu);
    pass(kVm, abi::kCreateGuestMemfd, abi::CreateGuestMemfd{0x2000'0000, 0, {}}, kGmem);
    kvm_create_device gic = {KVM_DEV_TYPE_ARM_VGIC_V3, kGic, 0};
    pass(kVm, KVM_CREATE_DEVICE, gic);
    EXPECT_THAT(lines_, ElementsAre("kvm OPEN", "kvm CHECK_EXTENSION cap=ARM_VM_IPA_SIZE = 48",
                                    "kvm CREATE_VM type=0x40000028 = EINVAL",
                                    "kvm CREATE_VM type=0x128 = vm", "vm CREATE_VCPU id=2 = vcpu2",
                                    "vm CREATE_GUEST_MEMFD size=0x20000000 flags=0x0 = gmem0",
                                    "vm CREATE_DEVICE type=VGIC_V3 flags=0 -> fd=gicv3"));
}

TEST_F(RecordingTest, SecondVm_HasNamesOfItsOwnEvenWithTheSameNumbers) {
    make_vm();
    call(kKvm, KVM_CREATE_VM, 40, kVm);
    call(kVm, KVM_CREATE_VCPU, 0, kVcpu);
    pass(kVcpu, KVM_SET_MP_STATE, kvm_mp_state{KVM_MP_STATE_STOPPED});
    EXPECT_THAT(lines_,
                ElementsAre("kvm CREATE_VM type=0x28 = vm2", "vm2 CREATE_VCPU id=0 = vm2/vcpu0",
                            "vm2/vcpu0 SET_MP_STATE state=STOPPED"));
}

TEST_F(RecordingTest, MemoryOfARealm_ShowsNoAddressOfOurs) {
    make_vm();
    pass(kVm, abi::kCreateGuestMemfd, abi::CreateGuestMemfd{0x2000'0000, 0, {}}, kGmem);
    abi::UserMemoryRegion2 slot = {};
    slot.flags = abi::kMemGuestMemfd;
    slot.guest_phys_addr = 0x8000'0000;
    slot.memory_size = 0x2000'0000;
    slot.userspace_addr = 0x7fff'1234'5000;
    slot.guest_memfd = kGmem;
    pass(kVm, abi::kSetUserMemoryRegion2, slot);
    EXPECT_EQ(line(),
              "vm SET_USER_MEMORY_REGION2 slot=0 flags=GUEST_MEMFD gpa=0x80000000 "
              "size=0x20000000 host=* memfd=gmem0 offset=0x0");
    pass(kVm, abi::kSetMemoryAttributes,
         abi::MemoryAttributes{0x8000'0000, 0x2000'0000, abi::kAttributePrivate, 0});
    EXPECT_EQ(line(),
              "vm SET_MEMORY_ATTRIBUTES address=0x80000000 size=0x20000000 "
              "attributes=PRIVATE flags=0");
    abi::MemoryAttributes2 attributes = {};
    attributes.size = 0x1000;
    attributes.error_offset = 0x3000;
    pass(kGmem, abi::kSetMemoryAttributes2, attributes);
    EXPECT_EQ(line(), "gmem0 SET_MEMORY_ATTRIBUTES2 offset=0x0 size=0x1000 attributes=0 flags=0");
    pass(kGmem, abi::kSetMemoryAttributes2, attributes, -EAGAIN);
    EXPECT_EQ(line(),
              "gmem0 SET_MEMORY_ATTRIBUTES2 offset=0x0 size=0x1000 attributes=0 flags=0 "
              "-> error_offset=0x3000 = EAGAIN");
    recorder_.punch_hole(kGmem, 0x1000, 0x2000);
    EXPECT_EQ(line(), "gmem0 PUNCH_HOLE offset=0x1000 size=0x2000");
}

TEST_F(RecordingTest, Populate_IsThatOfItsRevision) {
    make_vm();
    abi::Populate populate = {0x8000'0000, 0x3000, 0x7fff'0000'0000, abi::kPopulateMeasure, 0};
    pass(kVm, abi::kPopulateV12, populate, 0x2000);
    EXPECT_EQ(line(),
              "vm POPULATE/v12 base=0x80000000 size=0x3000 source=* flags=MEASURE = 0x2000");
    inner_.answer = [](std::uintptr_t argument) {
        auto& record = *reinterpret_cast<abi::Populate*>(argument);
        record.base += record.size;
        record.size = 0;
        return 0L;
    };
    recorder_.ioctl(kVm, abi::kPopulateV13, reinterpret_cast<std::uintptr_t>(&populate));
    EXPECT_EQ(line(),
              "vm POPULATE base=0x80000000 size=0x3000 source=* flags=MEASURE "
              "-> base=0x80003000 size=0x0");
    call(kVm, abi::kPopulateV13, std::uintptr_t{0}, -EFAULT);
    EXPECT_EQ(line(), "vm POPULATE NULL = EFAULT");
}

TEST_F(RecordingTest, CommandsOfV10_AreRead) {
    make_vm();
    abi::EnableCap enable = {};
    enable.cap = abi::kCapRmeV10;
    const auto command = [&](abi::RealmCommand number, const void* record, long result = 0) {
        enable.args[0] = static_cast<std::uint64_t>(number);
        enable.args[1] = reinterpret_cast<std::uintptr_t>(record);
        pass(kVm, abi::kEnableCap, enable, result);
        return line();
    };
    abi::RealmConfigV10 config = {abi::kConfigHash, {1}};
    EXPECT_EQ(command(abi::RealmCommand::kConfig, &config),
              "vm ENABLE_CAP/CONFIG cap=244 what=HASH value=SHA-512");
    config = {abi::kConfigRpv, {0xab, 1}};
    EXPECT_EQ(command(abi::RealmCommand::kConfig, &config),
              "vm ENABLE_CAP/CONFIG cap=244 what=RPV value=ab01" + std::string(124, '0'));
    EXPECT_EQ(command(abi::RealmCommand::kConfig, nullptr, -EFAULT),
              "vm ENABLE_CAP/CONFIG cap=244 NULL = EFAULT");
    EXPECT_EQ(command(abi::RealmCommand::kCreate, nullptr), "vm ENABLE_CAP/CREATE cap=244");
    const abi::InitRipasV10 ripas = {0x8000'0000, 0x1000'0000, {}};
    EXPECT_EQ(command(abi::RealmCommand::kInitRipas, &ripas),
              "vm ENABLE_CAP/INIT_RIPAS cap=244 base=0x80000000 size=0x10000000");
    const abi::PopulateV10 populate = {0x8000'0000, 0x1000, 1, {}};
    EXPECT_EQ(command(abi::RealmCommand::kPopulate, &populate, -ENXIO),
              "vm ENABLE_CAP/POPULATE cap=244 base=0x80000000 size=0x1000 flags=MEASURE = ENXIO");
    EXPECT_EQ(command(abi::RealmCommand::kActivate, nullptr), "vm ENABLE_CAP/ACTIVATE cap=244");
}

TEST_F(RecordingTest, Vcpus_ShowFeaturesAndRegistersByName) {
    make_vm();
    kvm_vcpu_init init = {};
    init.features[0] = 1U << abi::kVcpuPsci02 | 1U << abi::kVcpuRecV8 | 1U << 20;
    pass(kVcpu, KVM_ARM_VCPU_INIT, init);
    EXPECT_EQ(line(), "vcpu0 VCPU_INIT target=0 features=PSCI_0_2|REC|0x100000");
    const int feature = 4;
    pass(kVcpu, KVM_ARM_VCPU_FINALIZE, feature);
    EXPECT_EQ(line(), "vcpu0 VCPU_FINALIZE feature=SVE");
    set_register(0x6030'0000'0010'0000, std::uint64_t{0x8fe0'0000});
    EXPECT_EQ(line(), "vcpu0 SET_ONE_REG X0=0x8fe00000");
    set_register(0x6030'0000'0010'0040, std::uint64_t{0x8008'0000});
    EXPECT_EQ(line(), "vcpu0 SET_ONE_REG PC=0x80080000");
    set_register(abi::kRegSveVls, std::array<std::uint64_t, 8>{3});
    EXPECT_EQ(line(), "vcpu0 SET_ONE_REG SVE_VLS=0x3,0x0,0x0,0x0,0x0,0x0,0x0,0x0");
    set_register(0x6020'0000'0011'0001, std::uint32_t{0x1234});
    EXPECT_EQ(line(), "vcpu0 SET_ONE_REG id=0x6020000000110001 value=34120000");
    std::uint64_t dfr0 = 0x1010'5006;
    kvm_one_reg get = {abi::kRegIdAa64dfr0, reinterpret_cast<std::uintptr_t>(&dfr0)};
    pass(kVcpu, KVM_GET_ONE_REG, get);
    EXPECT_EQ(line(), "vcpu0 GET_ONE_REG -> ID_AA64DFR0_EL1=0x10105006");
    pass(kVcpu, KVM_GET_ONE_REG, get, -ENOENT);
    EXPECT_EQ(line(), "vcpu0 GET_ONE_REG = ENOENT");
}

TEST_F(RecordingTest, Attributes_AreThoseOfTheObject) {
    make_vm();
    kvm_create_device gic = {KVM_DEV_TYPE_ARM_VGIC_V3, kGic, 0};
    pass(kVm, KVM_CREATE_DEVICE, gic);
    const std::uint64_t value = 0x3fff'0000;
    kvm_device_attr attribute = {0, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST,
                                 reinterpret_cast<std::uintptr_t>(&value)};
    pass(kGic, KVM_SET_DEVICE_ATTR, attribute);
    EXPECT_EQ(line(), "gicv3 SET_DEVICE_ATTR group=ADDR attr=DIST value=0x3fff0000");
    attribute = {0, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, 0};
    pass(kGic, KVM_SET_DEVICE_ATTR, attribute);
    EXPECT_EQ(line(), "gicv3 SET_DEVICE_ATTR group=CTRL attr=INIT");
    kvm_smccc_filter filter = {};
    filter.base = 0xC400'0190;
    filter.nr_functions = 16;
    filter.action = KVM_SMCCC_FILTER_FWD_TO_USER;
    attribute = {0, KVM_ARM_VM_SMCCC_CTRL, KVM_ARM_VM_SMCCC_FILTER,
                 reinterpret_cast<std::uintptr_t>(&filter)};
    pass(kVm, KVM_SET_DEVICE_ATTR, attribute);
    EXPECT_EQ(line(),
              "vm SET_DEVICE_ATTR group=SMCCC attr=FILTER base=0xc4000190 count=16 "
              "action=FWD_TO_USER");
}

TEST_F(RecordingTest, Runs_ShowTheirExitAndWhatAReadGot) {
    make_vm();
    const auto mapping = recorder_.map_run(kVcpu, sizeof(kvm_run));
    ASSERT_TRUE(mapping);
    auto& run = *reinterpret_cast<kvm_run*>(mapping->data());
    const auto leave = [&](std::uint32_t reason, long result = 0) {
        run.exit_reason = reason;
        call(kVcpu, KVM_RUN, std::uintptr_t{0}, result);
        return line();
    };
    run.mmio = {0x100'0000, {0x68}, 1, 1};
    EXPECT_EQ(leave(KVM_EXIT_MMIO), "vcpu0 RUN -> MMIO_WRITE address=0x1000000 data=68");
    run.mmio = {0x100'0005, {}, 2, 0};
    EXPECT_EQ(leave(KVM_EXIT_MMIO), "vcpu0 RUN -> MMIO_READ address=0x1000005 length=2");
    run.mmio.data[0] = 0x60;
    EXPECT_EQ(leave(KVM_EXIT_MMIO, -EAGAIN), "vcpu0 RUN data=6000 = EAGAIN");
    run.hypercall.nr = 0xC400'0190;
    run.hypercall.flags = KVM_HYPERCALL_EXIT_SMC;
    EXPECT_EQ(leave(KVM_EXIT_HYPERCALL), "vcpu0 RUN -> HYPERCALL nr=0xc4000190 flags=SMC");
    run.memory_fault.flags = abi::kMemoryFaultPrivate;
    run.memory_fault.gpa = 0x8000'0000;
    run.memory_fault.size = 0x1000;
    EXPECT_EQ(leave(KVM_EXIT_MEMORY_FAULT, -EFAULT),
              "vcpu0 RUN -> MEMORY_FAULT flags=PRIVATE gpa=0x80000000 size=0x1000 = EFAULT");
    EXPECT_EQ(leave(KVM_EXIT_MEMORY_FAULT, -EINTR), "vcpu0 RUN = EINTR");
    EXPECT_EQ(leave(KVM_EXIT_UNKNOWN, -ENXIO), "vcpu0 RUN = ENXIO");
    run.system_event.type = KVM_SYSTEM_EVENT_SHUTDOWN;
    EXPECT_EQ(leave(KVM_EXIT_SYSTEM_EVENT), "vcpu0 RUN -> SYSTEM_EVENT type=SHUTDOWN");
    EXPECT_EQ(leave(99), "vcpu0 RUN -> EXIT reason=99");
}

TEST_F(RecordingTest, UnknownCalls_AreNotLost) {
    make_vm();
    call(kVm, 0xAEFF, std::uintptr_t{7}, 9);
    EXPECT_EQ(line(), "vm 0xaeff argument=0x7 = 9");
    int record = 0;
    pass(kVm, 0x4004AEFF, record, -ENOTTY);
    EXPECT_EQ(line(), "vm 0x4004aeff argument=* = ENOTTY");
    call(99, KVM_GET_API_VERSION, std::uintptr_t{0}, 12);
    EXPECT_EQ(line(), "? GET_API_VERSION = 12");
}

TEST_F(RecordingTest, ANumberOfAClosedGuestMemfd_IsAnotherFile) {
    make_vm();
    const int gmem = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    pass(kVm, abi::kCreateGuestMemfd, abi::CreateGuestMemfd{4096, 0, {}}, gmem);
    recorder_.punch_hole(gmem, 0, 4096);
    EXPECT_EQ(line(), "gmem0 PUNCH_HOLE offset=0x0 size=0x1000");
    ::close(gmem);
    const UniqueFd other(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
    ASSERT_EQ(other.get(), gmem);
    inner_.hole = -ENODEV;
    recorder_.punch_hole(gmem, 0, 4096);
    EXPECT_EQ(line(), "memfd0 PUNCH_HOLE offset=0x0 size=0x1000 = ENODEV");
}

TEST_F(RecordingTest, HeaderAndParameters) {
    EXPECT_EQ(recording_header("6.19.6", inner_),
              "# rvmm 0.1.0 recording 1\n# kernel 6.19.6\n# page-size 4096\n");
    EXPECT_EQ(recorder_.module_parameter("kvm_cap_arm_rmi"), 249u);
    recorder_.module_parameter("kvm_cap_arm_rmi");
    recorder_.module_parameter("kvm_cap_arm_rme");
    EXPECT_THAT(lines_, ElementsAre("host MODULE_PARAMETER name=kvm_cap_arm_rmi -> value=249",
                                    "host MODULE_PARAMETER name=kvm_cap_arm_rme = ENOENT"));
}

TEST(ErrnoNames, GoBothWays) {
    EXPECT_EQ(errno_name(EFAULT), "EFAULT");
    EXPECT_EQ(errno_of("EFAULT"), EFAULT);
    EXPECT_EQ(errno_of("EHWPOISON"), EHWPOISON);
    EXPECT_EQ(errno_of("NOTHING"), 0);
}

}  // namespace
}  // namespace rvmm::vmm::kvm
