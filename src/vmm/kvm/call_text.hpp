// KVM calls as lines of text, the same in every run (docs/record.md):
//
//   vm CREATE_GUEST_MEMFD size=0x20000000 flags=0x0 = gmem0
//   vm POPULATE base=0x80000000 size=0x3000 source=* flags=MEASURE -> base=0x80003000 size=0x0
//   vcpu0 RUN -> MEMORY_FAULT flags=PRIVATE gpa=0x80000000 size=0x1000 = EFAULT
//
// Object, call, what went in; behind "->" what came out; behind "=" the result where it is not 0.
#pragma once

#include <string>

#include "vmm/kvm/call_form.hpp"
#include "vmm/kvm/object_names.hpp"

namespace rvmm::vmm::kvm {

/// "EFAULT" for 14; the number where it has no name.
std::string errno_name(int error_number);
/// 14 for "EFAULT"; 0 for no errno's name.
int errno_of(std::string_view name);

/// One field's value.
std::string value_text(const Field& field, const Part& part, const ObjectNames& names);

/// " name=value" for each field of the call that goes in.
std::string inputs_text(const Call& call, const ObjectNames& names);
/// The call's name and inputs; of a call without a name its number, and the argument if that
/// cannot be an address.
std::string call_text(const Call& call, unsigned long request, std::uintptr_t argument,
                      const ObjectNames& names);
/// " -> name=value ..." of what came out; empty if nothing did.
std::string outputs_text(const Call& call, long result, const ObjectNames& names);
/// " = ..."; empty for 0. Of a call that made an object, its name.
std::string result_text(const Call& call, long result, const ObjectNames& names);
/// " -> MMIO_WRITE address=... data=..." for KVM_RUN; empty if it brought no exit.
std::string exit_text(const kvm_run& run, long result);

}  // namespace rvmm::vmm::kvm
