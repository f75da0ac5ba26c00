// What the fake is a fake of: a kernel, its RMM and the machine under them.
#pragma once

#include <cerrno>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>

#include "measure/hash.hpp"
#include "vmm/kvm/realm_abi.hpp"

namespace rvmm::vmm {

enum class FakeRevision : std::uint8_t {
    kOrdinary,  // mainline: no realms
    kV10,       // v7 to v11, by FakeOptions::tree: the VMM gives every command (RMM 1.0)
    kV12,       // RMM 1.0
    kV13,       // RMM 2.0 from here on
    kV14,
    kV15,
};

/// Which of v7 to v11 a kV10 kernel is. Source: kvm-realm-abi-v10.md sections 1 and 9.
struct CommandTree {
    std::uint32_t cap = kvm::abi::kCapRmeV10;
    unsigned rec_bit = kvm::abi::kVcpuRecV8;
    unsigned long psci_complete = kvm::abi::kPsciCompleteV8;
    bool guest_memfd = true;
    bool cap_list = false;    // a realm VM shows the allowed capabilities only
    int without_rmm = EPERM;  // CREATE_VM on a machine without a usable RMM
};
inline constexpr CommandTree kTreeV7 = {kvm::abi::kCapRmeV7, kvm::abi::kVcpuRecV7,
                                        kvm::abi::kPsciCompleteV5};
inline constexpr CommandTree kTreeV8 = {kvm::abi::kCapRmeV8};
inline constexpr CommandTree kTreeV9 = {kvm::abi::kCapRmeV9};
inline constexpr CommandTree kTreeV10 = {};
/// Its errno without an RMM is not known; v12's is assumed.
inline constexpr CommandTree kTreeV11 = {
    kvm::abi::kCapRmeV11, kvm::abi::kVcpuRecV8, kvm::abi::kPsciCompleteV8, true, true, EINVAL};
/// A vendor's tree with v7's numbers and no guest_memfd.
inline constexpr CommandTree kTreeWithoutGuestMemfd = {kvm::abi::kCapRmeV7, kvm::abi::kVcpuRecV7,
                                                       kvm::abi::kPsciCompleteV8, false};

struct FakeOptions {
    FakeRevision revision = FakeRevision::kOrdinary;
    CommandTree tree;  // kV10 only

    // The kernel.
    unsigned ipa_bits = 48;  // KVM_CAP_ARM_VM_IPA_SIZE
    std::uint64_t page_size = 4096;
    bool gmem_attributes = true;    // v15: false is a host booted with gmem_in_place_conversion=0
    bool match_attributes = false;  // v15: at re-entry a RIPAS range must match the attributes
    std::map<std::string, std::uint64_t, std::less<>> module_parameters;
    /// Capabilities that mean something else on this host, on /dev/kvm and on every VM: {251, 1}.
    std::map<unsigned long, long> other_capabilities;

    // The RMM and the machine.
    bool rmm = true;
    unsigned rmm_ipa_bits = 48;  // S2SZ
    bool sha512 = true;
    unsigned brps = 5;  // the fields of ID_AA64DFR0_EL1: one less than there are
    unsigned wrps = 3;
    unsigned ctx_cmps = 1;
    unsigned debug_version = 8;
    std::uint32_t sve_vqs = 0xffff;  // bit VQ - 1; 0: no SVE
    bool pmu = true;
    unsigned pmu_counters = 6;

    // How calls go.
    /// The most pages that a POPULATE does; 0: all of them.
    std::uint64_t populate_pages = 0;
    /// The same for the next calls, one each; 0 is a signal before the first page (EINTR).
    std::deque<std::uint64_t> populate_progress;
    /// v14 and later: how often a vCPU that CPU_ON woke says EAGAIN before it runs.
    unsigned cpu_on_races = 1;
    /// v15: how often SET_MEMORY_ATTRIBUTES2 finds pinned pages (EAGAIN) before it works.
    unsigned pinned_conversions = 0;

    // Measuring.
    bool hash_pages = true;  // false: a page measures as a digest of zeros; for benchmarks
    /// Says what a page's digest is, for launches of which only the digests are known.
    std::function<measure::Digest(ByteSpan page)> page_digest;
};

}  // namespace rvmm::vmm
