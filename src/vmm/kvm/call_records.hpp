// The tables behind call_form.hpp: numbers, names, and where the fields lie.
// Sources: Linux UAPI <linux/kvm.h>, <asm/kvm.h>; realm_abi.hpp for what no kernel header has.
#pragma once

#include <cstddef>

#include <linux/kvm.h>

#include "vmm/kvm/call_form.hpp"
#include "vmm/kvm/realm_abi.hpp"

namespace rvmm::vmm::kvm::records {

/// What ioctl(2)'s third argument is.
enum class Argument : std::uint8_t { kNone, kValue, kRecord };

struct CallForm {
    unsigned long request;
    std::string_view name;
    Argument argument = Argument::kNone;
    std::span<const Field> fields = {};
    Form result = Form::kDecimal;
    ObjectKind makes = ObjectKind::kNone;
};
std::span<const CallForm> call_forms();
/// nullptr if rvmm has no name for it.
const CallForm* call_form(unsigned long request);

/// EXIT, of any number, is the last one.
std::span<const ExitForm> exit_forms();

/// One field of the register's name, or none for a register without a name.
std::span<const Field> register_fields(std::uint64_t id, Way way);
std::span<const Field> unknown_register(Way way);

/// The fields of struct kvm_device_attr, and those of what it points to.
struct AttributeForm {
    std::span<const Field> head;
    std::span<const Field> value;  // empty: it points to nothing that is known
};
AttributeForm attribute_form(ObjectKind on, std::uint32_t group);

/// A realm command of v8 to v11, below 5.
struct CommandForm {
    std::string_view name;
    std::span<const Field> fields;  // of its record; empty: it has none
};
CommandForm command_form(std::uint64_t command);
std::span<const Field> config_payload(std::uint32_t what);

inline constexpr Field kRegisterId[] = {{"id", 0, 8}};
inline constexpr Field kCapabilityNumber[] = {
    {"cap", offsetof(abi::EnableCap, cap), 4, Form::kDecimal}};
inline constexpr Field kEnableCap[] = {{"cap", offsetof(abi::EnableCap, cap), 4, Form::kDecimal},
                                       {"flags", offsetof(abi::EnableCap, flags), 4}};
inline constexpr Field kSlotGuestMemfd[] = {
    {"memfd", offsetof(abi::UserMemoryRegion2, guest_memfd), 4, Form::kObject},
    {"offset", offsetof(abi::UserMemoryRegion2, guest_memfd_offset), 8}};
inline constexpr Field kMmioData[] = {{"data", offsetof(kvm_run, mmio.data), 8, Form::kBytes}};

}  // namespace rvmm::vmm::kvm::records
