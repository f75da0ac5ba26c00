#include "vmm/kvm/call_records.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace rvmm::vmm::kvm::records {
namespace {

// ---- Names -----------------------------------------------------------------------------------

constexpr Name kCapabilities[] = {{KVM_CAP_USER_MEMORY, "USER_MEMORY"},
                                  {KVM_CAP_NR_VCPUS, "NR_VCPUS"},
                                  {KVM_CAP_MAX_VCPUS, "MAX_VCPUS"},
                                  {KVM_CAP_ARM_PMU_V3, "ARM_PMU_V3"},
                                  {KVM_CAP_ARM_VM_IPA_SIZE, "ARM_VM_IPA_SIZE"},
                                  {KVM_CAP_ARM_SVE, "ARM_SVE"},
                                  {abi::kCapUserMemory2, "USER_MEMORY2"},
                                  {KVM_CAP_MEMORY_FAULT_INFO, "MEMORY_FAULT_INFO"},
                                  {abi::kCapMemoryAttributes, "MEMORY_ATTRIBUTES"},
                                  {abi::kCapGuestMemfd, "GUEST_MEMFD"}};
constexpr Name kVcpuFeatures[] = {{1U << abi::kVcpuPowerOff, "POWER_OFF"},
                                  {1U << abi::kVcpuPsci02, "PSCI_0_2"},
                                  {1U << abi::kVcpuPmuV3, "PMU_V3"},
                                  {1U << abi::kVcpuSve, "SVE"},
                                  {1U << abi::kVcpuRecV8, "REC"}};
constexpr Name kFinalized[] = {{abi::kVcpuSve, "SVE"}, {abi::kVcpuRecV8, "REC"}};
constexpr Name kMpStates[] = {{KVM_MP_STATE_RUNNABLE, "RUNNABLE"},
                              {KVM_MP_STATE_STOPPED, "STOPPED"}};
constexpr Name kPrivate[] = {{abi::kAttributePrivate, "PRIVATE"}};
constexpr Name kMeasure[] = {{abi::kPopulateMeasure, "MEASURE"}};
constexpr Name kSlotFlags[] = {{KVM_MEM_LOG_DIRTY_PAGES, "LOG_DIRTY_PAGES"},
                               {KVM_MEM_READONLY, "READONLY"},
                               {abi::kMemGuestMemfd, "GUEST_MEMFD"}};
constexpr Name kDevices[] = {{KVM_DEV_TYPE_ARM_VGIC_V2, "VGIC_V2"},
                             {KVM_DEV_TYPE_ARM_VGIC_V3, "VGIC_V3"},
                             {KVM_DEV_TYPE_ARM_VGIC_ITS, "VGIC_ITS"}};
constexpr Name kGicGroups[] = {{KVM_DEV_ARM_VGIC_GRP_ADDR, "ADDR"},
                               {KVM_DEV_ARM_VGIC_GRP_NR_IRQS, "NR_IRQS"},
                               {KVM_DEV_ARM_VGIC_GRP_CTRL, "CTRL"}};
constexpr Name kGicAddresses[] = {{KVM_VGIC_V3_ADDR_TYPE_DIST, "DIST"},
                                  {KVM_VGIC_V3_ADDR_TYPE_REDIST, "REDIST"},
                                  {KVM_VGIC_ITS_ADDR_TYPE, "ITS"},
                                  {KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION, "REDIST_REGION"}};
constexpr Name kGicControls[] = {{KVM_DEV_ARM_VGIC_CTRL_INIT, "INIT"}};
constexpr Name kVmGroups[] = {{KVM_ARM_VM_SMCCC_CTRL, "SMCCC"}};
constexpr Name kVmAttributes[] = {{KVM_ARM_VM_SMCCC_FILTER, "FILTER"}};
constexpr Name kFilterActions[] = {{KVM_SMCCC_FILTER_HANDLE, "HANDLE"},
                                   {KVM_SMCCC_FILTER_DENY, "DENY"},
                                   {KVM_SMCCC_FILTER_FWD_TO_USER, "FWD_TO_USER"}};
constexpr Name kConfigs[] = {{abi::kConfigRpv, "RPV"}, {abi::kConfigHash, "HASH"}};
constexpr Name kHashes[] = {{0, "SHA-256"}, {1, "SHA-512"}};
constexpr Name kSystemEvents[] = {{KVM_SYSTEM_EVENT_SHUTDOWN, "SHUTDOWN"},
                                  {KVM_SYSTEM_EVENT_RESET, "RESET"},
                                  {KVM_SYSTEM_EVENT_CRASH, "CRASH"},
                                  {KVM_SYSTEM_EVENT_SUSPEND, "SUSPEND"}};
constexpr Name kCallFlags[] = {{KVM_HYPERCALL_EXIT_SMC, "SMC"}};

// ---- Records ---------------------------------------------------------------------------------

constexpr Field kVmType[] = {{"type", 0, 8}};
constexpr Field kCapability[] = {{"cap", 0, 8, Form::kName, kCapabilities}};
constexpr Field kVcpuId[] = {{"id", 0, 8, Form::kDecimal}};
constexpr Field kSlot1[] = {
    {"slot", offsetof(kvm_userspace_memory_region, slot), 4, Form::kDecimal},
    {"flags", offsetof(kvm_userspace_memory_region, flags), 4, Form::kFlags, kSlotFlags},
    {"gpa", offsetof(kvm_userspace_memory_region, guest_phys_addr), 8},
    {"size", offsetof(kvm_userspace_memory_region, memory_size), 8},
    {"host", offsetof(kvm_userspace_memory_region, userspace_addr), 8, Form::kAddress}};
constexpr Field kSlot2[] = {
    {"slot", offsetof(abi::UserMemoryRegion2, slot), 4, Form::kDecimal},
    {"flags", offsetof(abi::UserMemoryRegion2, flags), 4, Form::kFlags, kSlotFlags},
    {"gpa", offsetof(abi::UserMemoryRegion2, guest_phys_addr), 8},
    {"size", offsetof(abi::UserMemoryRegion2, memory_size), 8},
    {"host", offsetof(abi::UserMemoryRegion2, userspace_addr), 8, Form::kAddress}};
constexpr Field kGuestMemfd[] = {{"size", offsetof(abi::CreateGuestMemfd, size), 8},
                                 {"flags", offsetof(abi::CreateGuestMemfd, flags), 8}};
constexpr Field kAttributes[] = {
    {"address", offsetof(abi::MemoryAttributes, address), 8},
    {"size", offsetof(abi::MemoryAttributes, size), 8},
    {"attributes", offsetof(abi::MemoryAttributes, attributes), 8, Form::kFlags, kPrivate},
    {"flags", offsetof(abi::MemoryAttributes, flags), 8, Form::kFlags}};
constexpr Field kAttributes2[] = {
    {"offset", offsetof(abi::MemoryAttributes2, offset), 8},
    {"size", offsetof(abi::MemoryAttributes2, size), 8},
    {"attributes", offsetof(abi::MemoryAttributes2, attributes), 8, Form::kFlags, kPrivate},
    {"flags", offsetof(abi::MemoryAttributes2, flags), 8, Form::kFlags},
    {"error_offset",
     offsetof(abi::MemoryAttributes2, error_offset),
     8,
     Form::kHex,
     {},
     Way::kOutOnError}};
constexpr Field kPopulate12[] = {
    {"base", offsetof(abi::Populate, base), 8},
    {"size", offsetof(abi::Populate, size), 8},
    {"source", offsetof(abi::Populate, source), 8, Form::kAddress},
    {"flags", offsetof(abi::Populate, flags), 4, Form::kFlags, kMeasure}};
constexpr Field kPopulate[] = {
    {"base", offsetof(abi::Populate, base), 8, Form::kHex, {}, Way::kInOut},
    {"size", offsetof(abi::Populate, size), 8, Form::kHex, {}, Way::kInOut},
    {"source", offsetof(abi::Populate, source), 8, Form::kAddress},
    {"flags", offsetof(abi::Populate, flags), 4, Form::kFlags, kMeasure}};
constexpr Field kInit[] = {
    {"target", offsetof(kvm_vcpu_init, target), 4, Form::kDecimal},
    {"features", offsetof(kvm_vcpu_init, features), 4, Form::kFlags, kVcpuFeatures}};
constexpr Field kPreferredTarget[] = {
    {"target", offsetof(kvm_vcpu_init, target), 4, Form::kDecimal, {}, Way::kOut}};
constexpr Field kFinalize[] = {{"feature", 0, 4, Form::kName, kFinalized}};
constexpr Field kMpState[] = {{"state", 0, 4, Form::kName, kMpStates}};
constexpr Field kMpStateOut[] = {{"state", 0, 4, Form::kName, kMpStates, Way::kOut}};
constexpr Field kEvents[] = {{"serror_pending", 0, 1, Form::kDecimal},
                             {"serror_has_esr", 1, 1, Form::kDecimal},
                             {"ext_dabt_pending", 2, 1, Form::kDecimal},
                             {"serror_esr", 8, 8}};
constexpr Field kPsciComplete[] = {{"target_mpidr", offsetof(abi::PsciComplete, target_mpidr), 8},
                                   {"status", offsetof(abi::PsciComplete, psci_status), 4}};
constexpr Field kCreateDevice[] = {
    {"type", offsetof(kvm_create_device, type), 4, Form::kName, kDevices},
    {"flags", offsetof(kvm_create_device, flags), 4, Form::kFlags},
    {"fd", offsetof(kvm_create_device, fd), 4, Form::kObject, {}, Way::kOut}};
constexpr Name kIoEventFdFlags[] = {{KVM_IOEVENTFD_FLAG_DATAMATCH, "DATAMATCH"},
                                    {KVM_IOEVENTFD_FLAG_DEASSIGN, "DEASSIGN"}};
constexpr Field kIoEventFd[] = {
    {"address", offsetof(kvm_ioeventfd, addr), 8},
    {"length", offsetof(kvm_ioeventfd, len), 4, Form::kDecimal},
    {"data", offsetof(kvm_ioeventfd, datamatch), 8},
    {"flags", offsetof(kvm_ioeventfd, flags), 4, Form::kFlags, kIoEventFdFlags}};
constexpr Field kIrqFd[] = {{"gsi", offsetof(kvm_irqfd, gsi), 4, Form::kDecimal},
                            {"flags", offsetof(kvm_irqfd, flags), 4}};
constexpr Field kRouting[] = {{"routes", offsetof(kvm_irq_routing, nr), 4, Form::kDecimal},
                              {"flags", offsetof(kvm_irq_routing, flags), 4}};
constexpr Field kIrqLine[] = {{"irq", offsetof(kvm_irq_level, irq), 4},
                              {"level", offsetof(kvm_irq_level, level), 4, Form::kDecimal}};
constexpr Field kMsi[] = {{"address", offsetof(kvm_msi, address_lo), 8},
                          {"data", offsetof(kvm_msi, data), 4},
                          {"flags", offsetof(kvm_msi, flags), 4},
                          {"devid", offsetof(kvm_msi, devid), 4}};

// ---- Device attributes -----------------------------------------------------------------------

template <std::size_t N, std::size_t M>
constexpr std::array<Field, 2> head(const Name (&groups)[N], const Name (&attributes)[M]) {
    return {Field{"group", offsetof(kvm_device_attr, group), 4, Form::kName, groups},
            Field{"attr", offsetof(kvm_device_attr, attr), 8, Form::kName, attributes}};
}
constexpr auto kGicAddressHead = head(kGicGroups, kGicAddresses);
constexpr auto kGicControlHead = head(kGicGroups, kGicControls);
constexpr auto kFilterHead = head(kVmGroups, kVmAttributes);
constexpr Field kGicIrqsHead[] = {
    {"group", offsetof(kvm_device_attr, group), 4, Form::kName, kGicGroups}};
constexpr Field kPlainHead[] = {{"group", offsetof(kvm_device_attr, group), 4, Form::kDecimal},
                                {"attr", offsetof(kvm_device_attr, attr), 8, Form::kHex},
                                {"host", offsetof(kvm_device_attr, addr), 8, Form::kAddress}};
constexpr Field kGicAddressValue[] = {{"value", 0, 8}};
constexpr Field kGicIrqsValue[] = {{"value", 0, 4, Form::kDecimal}};
constexpr Field kFilterValue[] = {
    {"base", offsetof(kvm_smccc_filter, base), 4},
    {"count", offsetof(kvm_smccc_filter, nr_functions), 4, Form::kDecimal},
    {"action", offsetof(kvm_smccc_filter, action), 1, Form::kName, kFilterActions}};

// ---- Realm commands of v8 to v11 ---------------------------------------------------------------

constexpr Field kConfig[] = {
    {"what", offsetof(abi::RealmConfigV10, what), 4, Form::kName, kConfigs}};
constexpr Field kConfigRpv[] = {
    {"value", offsetof(abi::RealmConfigV10, payload), abi::kRpvSize, Form::kBytes}};
constexpr Field kConfigHash[] = {
    {"value", offsetof(abi::RealmConfigV10, payload), 4, Form::kName, kHashes}};
constexpr Field kInitRipas[] = {{"base", offsetof(abi::InitRipasV10, base), 8},
                                {"size", offsetof(abi::InitRipasV10, size), 8}};
constexpr Field kPopulate10[] = {
    {"base", offsetof(abi::PopulateV10, base), 8},
    {"size", offsetof(abi::PopulateV10, size), 8},
    {"flags", offsetof(abi::PopulateV10, flags), 4, Form::kFlags, kMeasure}};
constexpr std::array<CommandForm, 5> kCommands = {{{"ENABLE_CAP/CONFIG", kConfig},
                                                   {"ENABLE_CAP/CREATE", {}},
                                                   {"ENABLE_CAP/INIT_RIPAS", kInitRipas},
                                                   {"ENABLE_CAP/POPULATE", kPopulate10},
                                                   {"ENABLE_CAP/ACTIVATE", {}}}};

// ---- Registers -------------------------------------------------------------------------------

constexpr std::size_t kNoRegisters = 31;  // X0 to X30
constexpr std::array<std::string_view, kNoRegisters> kGeneral = {
    "X0",  "X1",  "X2",  "X3",  "X4",  "X5",  "X6",  "X7",  "X8",  "X9",  "X10",
    "X11", "X12", "X13", "X14", "X15", "X16", "X17", "X18", "X19", "X20", "X21",
    "X22", "X23", "X24", "X25", "X26", "X27", "X28", "X29", "X30"};
constexpr std::uint64_t kCoreU64 = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE;
constexpr std::uint64_t kX0 = kCoreU64 | (offsetof(kvm_regs, regs.regs) / 4);
constexpr std::uint64_t kPc = kCoreU64 | (offsetof(kvm_regs, regs.pc) / 4);
constexpr std::uint64_t kMpidr = 0x6030'0000'0013'C005;

struct RegisterForm {
    std::uint64_t id;
    Field field;
};
/// A register without a name of its own comes last.
template <Way way>
constexpr auto register_table() {
    std::array<RegisterForm, kNoRegisters + 6> table = {};
    for (std::size_t i = 0; i < kNoRegisters; ++i)
        table[i] = {kX0 + 2 * i, {kGeneral[i], 0, 8, Form::kHex, {}, way}};
    table[kNoRegisters] = {kPc, {"PC", 0, 8, Form::kHex, {}, way}};
    table[kNoRegisters + 1] = {kMpidr, {"MPIDR_EL1", 0, 8, Form::kHex, {}, way}};
    table[kNoRegisters + 2] = {abi::kRegIdAa64dfr0, {"ID_AA64DFR0_EL1", 0, 8, Form::kHex, {}, way}};
    table[kNoRegisters + 3] = {abi::kRegPmcr, {"PMCR_EL0", 0, 8, Form::kHex, {}, way}};
    table[kNoRegisters + 4] = {abi::kRegSveVls, {"SVE_VLS", 0, 64, Form::kWords, {}, way}};
    table[kNoRegisters + 5] = {0, {"value", 0, 8, Form::kBytes, {}, way}};
    return table;
}
constexpr auto kRegistersIn = register_table<Way::kIn>();
constexpr auto kRegistersOut = register_table<Way::kOut>();

// ---- Calls and exits ---------------------------------------------------------------------------

constexpr CallForm kCalls[] = {
    {KVM_GET_API_VERSION, "GET_API_VERSION"},
    {KVM_GET_VCPU_MMAP_SIZE, "GET_VCPU_MMAP_SIZE"},
    {KVM_CHECK_EXTENSION, "CHECK_EXTENSION", Argument::kValue, kCapability},
    {KVM_CREATE_VM, "CREATE_VM", Argument::kValue, kVmType, Form::kObject, ObjectKind::kVm},
    {KVM_CREATE_VCPU, "CREATE_VCPU", Argument::kValue, kVcpuId, Form::kObject, ObjectKind::kVcpu},
    {KVM_SET_USER_MEMORY_REGION, "SET_USER_MEMORY_REGION", Argument::kRecord, kSlot1},
    {abi::kSetUserMemoryRegion2, "SET_USER_MEMORY_REGION2", Argument::kRecord, kSlot2},
    {abi::kCreateGuestMemfd, "CREATE_GUEST_MEMFD", Argument::kRecord, kGuestMemfd, Form::kObject,
     ObjectKind::kGuestMemfd},
    {abi::kSetMemoryAttributes, "SET_MEMORY_ATTRIBUTES", Argument::kRecord, kAttributes},
    {abi::kSetMemoryAttributes2, "SET_MEMORY_ATTRIBUTES2", Argument::kRecord, kAttributes2},
    {abi::kPopulateV12, "POPULATE/v12", Argument::kRecord, kPopulate12, Form::kHex},
    {abi::kPopulateV13, "POPULATE", Argument::kRecord, kPopulate},
    {abi::kEnableCap, "ENABLE_CAP", Argument::kRecord},
    {KVM_CREATE_DEVICE, "CREATE_DEVICE", Argument::kRecord, kCreateDevice, Form::kDecimal,
     ObjectKind::kDevice},
    {KVM_SET_DEVICE_ATTR, "SET_DEVICE_ATTR", Argument::kRecord},
    {KVM_HAS_DEVICE_ATTR, "HAS_DEVICE_ATTR", Argument::kRecord, kPlainHead},
    {KVM_IRQ_LINE, "IRQ_LINE", Argument::kRecord, kIrqLine},
    {KVM_SIGNAL_MSI, "SIGNAL_MSI", Argument::kRecord, kMsi},
    {KVM_IOEVENTFD, "IOEVENTFD", Argument::kRecord, kIoEventFd},
    {KVM_IRQFD, "IRQFD", Argument::kRecord, kIrqFd},
    {KVM_SET_GSI_ROUTING, "SET_GSI_ROUTING", Argument::kRecord, kRouting},
    {KVM_ARM_PREFERRED_TARGET, "PREFERRED_TARGET", Argument::kRecord, kPreferredTarget},
    {KVM_ARM_VCPU_INIT, "VCPU_INIT", Argument::kRecord, kInit},
    {KVM_ARM_VCPU_FINALIZE, "VCPU_FINALIZE", Argument::kRecord, kFinalize},
    {KVM_SET_ONE_REG, "SET_ONE_REG", Argument::kRecord},
    {KVM_GET_ONE_REG, "GET_ONE_REG", Argument::kRecord},
    {KVM_SET_MP_STATE, "SET_MP_STATE", Argument::kRecord, kMpState},
    {KVM_GET_MP_STATE, "GET_MP_STATE", Argument::kRecord, kMpStateOut},
    {KVM_SET_VCPU_EVENTS, "SET_VCPU_EVENTS", Argument::kRecord, kEvents},
    {abi::kPsciCompleteV8, "PSCI_COMPLETE", Argument::kRecord, kPsciComplete},
    {abi::kPsciCompleteV5, "PSCI_COMPLETE/v5", Argument::kRecord, kPsciComplete},
    {KVM_RUN, kRunCall},
};

constexpr Field kMmioWrite[] = {{"address", offsetof(kvm_run, mmio.phys_addr), 8},
                                {"data", offsetof(kvm_run, mmio.data), 8, Form::kBytes}};
constexpr Field kMmioRead[] = {{"address", offsetof(kvm_run, mmio.phys_addr), 8},
                               {"length", offsetof(kvm_run, mmio.len), 4, Form::kDecimal}};
constexpr Field kHypercall[] = {
    {"nr", offsetof(kvm_run, hypercall.nr), 8},
    {"flags", offsetof(kvm_run, hypercall.flags), 8, Form::kFlags, kCallFlags}};
constexpr Field kSystemEvent[] = {
    {"type", offsetof(kvm_run, system_event.type), 4, Form::kName, kSystemEvents}};
constexpr Field kMemoryFault[] = {
    {"flags", offsetof(kvm_run, memory_fault.flags), 8, Form::kFlags, kPrivate},
    {"gpa", offsetof(kvm_run, memory_fault.gpa), 8},
    {"size", offsetof(kvm_run, memory_fault.size), 8}};
constexpr Field kFailEntry[] = {
    {"reason", offsetof(kvm_run, fail_entry.hardware_entry_failure_reason), 8}};
constexpr Field kInternal[] = {{"suberror", offsetof(kvm_run, internal.suberror), 4}};
constexpr Field kNisv[] = {{"esr_iss", offsetof(kvm_run, arm_nisv.esr_iss), 8},
                           {"fault_ipa", offsetof(kvm_run, arm_nisv.fault_ipa), 8}};
constexpr Field kAnyExit[] = {{"reason", offsetof(kvm_run, exit_reason), 4, Form::kDecimal}};

constexpr std::uint32_t kNoReason = UINT32_MAX;
constexpr ExitForm kExits[] = {{kMmioReadExit, KVM_EXIT_MMIO, kMmioRead},
                               {kMmioWriteExit, KVM_EXIT_MMIO, kMmioWrite},
                               {"HYPERCALL", KVM_EXIT_HYPERCALL, kHypercall},
                               {"SYSTEM_EVENT", KVM_EXIT_SYSTEM_EVENT, kSystemEvent},
                               {"MEMORY_FAULT", KVM_EXIT_MEMORY_FAULT, kMemoryFault},
                               {"INTR", KVM_EXIT_INTR, {}},
                               {"SHUTDOWN", KVM_EXIT_SHUTDOWN, {}},
                               {"FAIL_ENTRY", KVM_EXIT_FAIL_ENTRY, kFailEntry},
                               {"INTERNAL_ERROR", KVM_EXIT_INTERNAL_ERROR, kInternal},
                               {"ARM_NISV", KVM_EXIT_ARM_NISV, kNisv},
                               {"EXIT", kNoReason, kAnyExit}};

}  // namespace

std::span<const CallForm> call_forms() {
    return kCalls;
}

const CallForm* call_form(unsigned long request) {
    const auto* found = std::ranges::find(kCalls, request, &CallForm::request);
    return found != std::end(kCalls) ? found : nullptr;
}

std::span<const ExitForm> exit_forms() {
    return kExits;
}

std::span<const Field> register_fields(std::uint64_t id, Way way) {
    const std::span<const RegisterForm> table =
        way == Way::kOut ? std::span(kRegistersOut) : std::span(kRegistersIn);
    const auto found = std::ranges::find(table.first(table.size() - 1), id, &RegisterForm::id);
    if (found == table.end() - 1) return {};
    return {&found->field, 1};
}

std::span<const Field> unknown_register(Way way) {
    return {way == Way::kOut ? &kRegistersOut.back().field : &kRegistersIn.back().field, 1};
}

AttributeForm attribute_form(ObjectKind on, std::uint32_t group) {
    if (on == ObjectKind::kVm && group == KVM_ARM_VM_SMCCC_CTRL) return {kFilterHead, kFilterValue};
    if (on != ObjectKind::kDevice) return {kPlainHead, {}};
    switch (group) {
        case KVM_DEV_ARM_VGIC_GRP_ADDR:
            return {kGicAddressHead, kGicAddressValue};
        case KVM_DEV_ARM_VGIC_GRP_NR_IRQS:
            return {kGicIrqsHead, kGicIrqsValue};
        case KVM_DEV_ARM_VGIC_GRP_CTRL:
            return {kGicControlHead, {}};
        default:
            return {kPlainHead, {}};
    }
}

CommandForm command_form(std::uint64_t command) {
    return kCommands.at(command);
}

std::span<const Field> config_payload(std::uint32_t what) {
    switch (what) {
        case abi::kConfigRpv:
            return kConfigRpv;
        case abi::kConfigHash:
            return kConfigHash;
        default:
            return {};
    }
}

}  // namespace rvmm::vmm::kvm::records
