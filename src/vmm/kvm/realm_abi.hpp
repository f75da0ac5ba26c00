// KVM's interface for realms as its revisions have it: our own copies of numbers and records, for
// no released kernel header has them. Named by the revision of the series "arm64: Support for Arm
// CCA in KVM" that brought them. Plain data; what they mean to a launch is in vmm/cca/.
//
// Source: shared facts, kvm-realm-abi.md sections 1 to 6 (v12 and later), kvm-realm-abi-v10.md
// section 2 (v8 to v11), corrected by cca-host-seen*.md (running v10, v12 and v14 hosts).
#pragma once

#include <cstddef>
#include <cstdint>

namespace rvmm::vmm::kvm::abi {

// ---- KVM_CREATE_VM ---------------------------------------------------------------------------

/// Bits 7:0 of every type: the IPA size in bits.
inline constexpr std::uint64_t kRealmTypeV10 = 0x100;  // v5 to v13
inline constexpr std::uint64_t kRealmTypeV14 = std::uint64_t{1} << 30;

// ---- Capabilities ----------------------------------------------------------------------------

inline constexpr unsigned long kCapUserMemory2 = 231;
inline constexpr unsigned long kCapMemoryAttributes = 233;  // on a VM: the mask, PRIVATE is bit 3
inline constexpr unsigned long kCapGuestMemfd = 234;
// Realm support. Mainline gives each of these numbers to something else: they are shown, and never
// decide anything alone.
inline constexpr unsigned long kCapRmiV12 = 247;
inline constexpr unsigned long kCapRmiV13 = 248;
inline constexpr unsigned long kCapRmiV14 = 249;
inline constexpr unsigned long kCapRmiV15 = 251;
// v8 to v11 multiplex everything over KVM_ENABLE_CAP of this number; 300 is v5 to v7's.
inline constexpr std::uint32_t kCapRmeV8 = 240;
inline constexpr std::uint32_t kCapRmeV9 = 243;
inline constexpr std::uint32_t kCapRmeV10 = 244;
inline constexpr std::uint32_t kCapRmeV11 = 245;
inline constexpr std::uint32_t kCapRmeV11Other = 246;
inline constexpr std::uint32_t kCapRmeV7 = 300;

// ---- vCPUs -----------------------------------------------------------------------------------

/// KVM_ARM_VCPU_INIT feature bits.
inline constexpr unsigned kVcpuPowerOff = 0;
inline constexpr unsigned kVcpuPsci02 = 2;
inline constexpr unsigned kVcpuPmuV3 = 3;
inline constexpr unsigned kVcpuSve = 4;
inline constexpr unsigned kVcpuRecV7 = 8;  // v5 to v7: what FINALIZE makes a REC with
inline constexpr unsigned kVcpuRecV8 = 9;  // v8 to v11

/// vCPU ioctl of v8 to v13, where a VMM answers PSCI itself. rvmm leaves PSCI to the kernel; the
/// number tells revisions apart.
struct PsciComplete {
    std::uint64_t target_mpidr;
    std::uint32_t psci_status;
    std::uint32_t padding[3];
};
static_assert(sizeof(PsciComplete) == 24 && offsetof(PsciComplete, psci_status) == 8);
inline constexpr unsigned long kPsciCompleteV8 = 0x4018AED6;
inline constexpr unsigned long kPsciCompleteV5 = 0x4018AED2;

// ---- Memory (Documentation/virt/kvm/api.rst, but for SET_MEMORY_ATTRIBUTES2) --------------------

struct CreateGuestMemfd {
    std::uint64_t size;
    std::uint64_t flags;  // 0: private memory alone, never mapped
    std::uint64_t reserved[6];
};
static_assert(sizeof(CreateGuestMemfd) == 64);
inline constexpr unsigned long kCreateGuestMemfd = 0xC040AED4;  // VM

struct UserMemoryRegion2 {
    std::uint32_t slot;
    std::uint32_t flags;
    std::uint64_t guest_phys_addr;
    std::uint64_t memory_size;
    std::uint64_t userspace_addr;
    std::uint64_t guest_memfd_offset;
    std::uint32_t guest_memfd;
    std::uint32_t pad1;
    std::uint64_t pad2[14];
};
static_assert(sizeof(UserMemoryRegion2) == 160 &&
              offsetof(UserMemoryRegion2, userspace_addr) == 24 &&
              offsetof(UserMemoryRegion2, guest_memfd_offset) == 32 &&
              offsetof(UserMemoryRegion2, guest_memfd) == 40);
inline constexpr unsigned long kSetUserMemoryRegion2 = 0x40A0AE49;  // VM
inline constexpr std::uint32_t kMemGuestMemfd = 1U << 2;

inline constexpr std::uint64_t kAttributePrivate = 1U << 3;

struct MemoryAttributes {
    std::uint64_t address;
    std::uint64_t size;
    std::uint64_t attributes;
    std::uint64_t flags;
};
static_assert(sizeof(MemoryAttributes) == 32);
inline constexpr unsigned long kSetMemoryAttributes = 0x4020AED2;  // VM, v8 to v14

struct MemoryAttributes2 {
    std::uint64_t offset;  // in the guest_memfd
    std::uint64_t size;
    std::uint64_t attributes;
    std::uint64_t flags;
    std::uint64_t error_offset;  // out
    std::uint64_t reserved[11];
};
static_assert(sizeof(MemoryAttributes2) == 128 && offsetof(MemoryAttributes2, error_offset) == 32);
inline constexpr unsigned long kSetMemoryAttributes2 = 0xC080AED2;  // guest_memfd, v15 and later

/// kvm_run.memory_fault.flags: the state that is wanted.
inline constexpr std::uint64_t kMemoryFaultPrivate = 1U << 3;

// ---- Populating, v12 and later -----------------------------------------------------------------

struct Populate {
    std::uint64_t base;
    std::uint64_t size;
    std::uint64_t source;
    std::uint32_t flags;
    std::uint32_t reserved;
};
static_assert(sizeof(Populate) == 32 && offsetof(Populate, source) == 16 &&
              offsetof(Populate, flags) == 24);
inline constexpr unsigned long kPopulateV12 = 0x4020AED7;  // VM; returns the bytes that were done
inline constexpr unsigned long kPopulateV13 = 0xC020AED7;  // VM; advances the record
inline constexpr std::uint32_t kPopulateMeasure = 1U << 0;
/// v12 returns the bytes as an int.
inline constexpr std::uint64_t kPopulateMostV12 =
    (std::uint64_t{1} << 31) - (std::uint64_t{1} << 21);

// ---- Commands of v8 to v11: KVM_ENABLE_CAP on the VM, args[0] = command, args[1] = record
// --------

struct EnableCap {
    std::uint32_t cap;
    std::uint32_t flags;
    std::uint64_t args[4];
    std::uint8_t pad[64];
};
static_assert(sizeof(EnableCap) == 104 && offsetof(EnableCap, args) == 8);
inline constexpr unsigned long kEnableCap = 0x4068AEA3;

enum class RealmCommand : std::uint64_t {
    kConfig = 0,
    kCreate = 1,
    kInitRipas = 2,
    kPopulate = 3,
    kActivate = 4,
};

/// 260 bytes: the kernel copies all of them, and the payload begins at 4, not 8.
struct RealmConfigV10 {
    std::uint32_t what;
    std::uint8_t payload[256];
};
static_assert(sizeof(RealmConfigV10) == 260 && offsetof(RealmConfigV10, payload) == 4);
inline constexpr std::uint32_t kConfigRpv = 0;   // payload: 64 bytes
inline constexpr std::uint32_t kConfigHash = 1;  // payload: u32, 0 SHA-256, 1 SHA-512
inline constexpr std::size_t kRpvSize = 64;

struct InitRipasV10 {
    std::uint64_t base;
    std::uint64_t size;
    std::uint64_t reserved[2];
};
static_assert(sizeof(InitRipasV10) == 32);

/// The source of a page is the slot's own user page at the same address.
struct PopulateV10 {
    std::uint64_t base;
    std::uint64_t size;
    std::uint32_t flags;  // kPopulateMeasure
    std::uint32_t reserved[3];
};
static_assert(sizeof(PopulateV10) == 32 && offsetof(PopulateV10, flags) == 16);

// ---- Registers ---------------------------------------------------------------------------------

inline constexpr std::uint64_t kRegIdAa64dfr0 = 0x6030'0000'0013'C028;
inline constexpr std::uint64_t kRegPmcr = 0x6030'0000'0013'DCE0;
inline constexpr std::uint64_t kRegSveVls = 0x6060'0000'0015'FFFF;  // 512 bits: bit VQ - 1

}  // namespace rvmm::vmm::kvm::abi
