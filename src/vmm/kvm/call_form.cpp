#include "vmm/kvm/call_form.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include <linux/kvm.h>

#include "vmm/kvm/call_records.hpp"

namespace rvmm::vmm::kvm {
namespace {

constexpr std::uint64_t kRegisterSizeShift = 52;
constexpr std::uint64_t kRealmCommands = 5;
constexpr std::size_t kMostMmioBytes = 8;

std::byte* memory(std::uint64_t address) {
    return std::bit_cast<std::byte*>(static_cast<std::uintptr_t>(address));
}

template <class T>
T load(std::uintptr_t address) {
    T value;
    std::memcpy(&value, memory(address), sizeof value);
    return value;
}

Part part(std::uint64_t address, std::span<const Field> fields) {
    return {memory(address), 0, fields, 0};
}
Part immediate(std::uint64_t value, std::span<const Field> fields) {
    return {nullptr, value, fields, 0};
}

/// KVM_SET_ONE_REG and KVM_GET_ONE_REG: the value, by the register's own name if it has one.
void add_register(Call& call, std::uintptr_t argument, Way way) {
    const auto reg = load<kvm_one_reg>(argument);
    const auto known = records::register_fields(reg.id, way);
    if (known.size() == 1) {
        call.parts.push_back(part(reg.addr, known));
    } else {
        call.parts.push_back(immediate(reg.id, records::kRegisterId));
        call.parts.push_back(part(reg.addr, records::unknown_register(way)));
        call.parts.back().width = std::size_t{1} << ((reg.id >> kRegisterSizeShift) & 15);
    }
    if (reg.addr == 0) call.parts.pop_back();
    call.null_record = reg.addr == 0;
}

void add_attribute(Call& call, ObjectKind on, std::uintptr_t argument) {
    const auto attribute = load<kvm_device_attr>(argument);
    const records::AttributeForm form = records::attribute_form(on, attribute.group);
    call.parts.push_back(part(argument, form.head));
    if (attribute.addr != 0 && !form.value.empty())
        call.parts.push_back(part(attribute.addr, form.value));
}

/// KVM_ENABLE_CAP: on a VM, with a number that no older feature has, it is a realm command.
void add_capability(Call& call, std::uintptr_t argument) {
    const auto enable = load<abi::EnableCap>(argument);
    if (enable.cap < abi::kCapRmeV8 || enable.args[0] >= kRealmCommands) {
        call.parts.push_back(part(argument, records::kEnableCap));
        return;
    }
    const records::CommandForm form = records::command_form(enable.args[0]);
    call.name = form.name;
    call.parts.push_back(part(argument, records::kCapabilityNumber));
    if (form.fields.empty()) return;
    call.null_record = enable.args[1] == 0;
    if (call.null_record) return;
    call.parts.push_back(part(enable.args[1], form.fields));
    if (static_cast<abi::RealmCommand>(enable.args[0]) == abi::RealmCommand::kConfig)
        call.parts.push_back(part(
            enable.args[1], records::config_payload(
                                load<std::uint32_t>(static_cast<std::uintptr_t>(enable.args[1])))));
}

void add_records(Call& call, ObjectKind on, unsigned long request, std::uintptr_t argument) {
    switch (request) {
        case KVM_SET_ONE_REG:
            return add_register(call, argument, Way::kIn);
        case KVM_GET_ONE_REG:
            return add_register(call, argument, Way::kOut);
        case KVM_SET_DEVICE_ATTR:
            return add_attribute(call, on, argument);
        case abi::kEnableCap:
            return add_capability(call, argument);
        case abi::kSetUserMemoryRegion2:
            if ((load<abi::UserMemoryRegion2>(argument).flags & abi::kMemGuestMemfd) != 0)
                call.parts.push_back(part(argument, records::kSlotGuestMemfd));
            return;
        case KVM_CREATE_DEVICE:
            call.number = load<kvm_create_device>(argument).type;
            return;
        default:
            return;
    }
}

}  // namespace

Call describe_call(ObjectKind on, unsigned long request, std::uintptr_t argument) {
    Call call;
    const records::CallForm* form = records::call_form(request);
    if (form == nullptr) return call;
    call.name = form->name;
    call.result = form->result;
    call.makes = form->makes;
    if (form->argument == records::Argument::kValue) {
        call.parts.push_back(immediate(argument, form->fields));
        call.number = argument;
    } else if (form->argument == records::Argument::kRecord) {
        call.null_record = argument == 0;
        if (call.null_record) return call;
        if (!form->fields.empty()) call.parts.push_back(part(argument, form->fields));
        add_records(call, on, request, argument);
    }
    return call;
}

bool is_call(std::string_view name, std::string_view word) {
    if (name == word) return true;
    const std::size_t slash = name.find('/');
    if (slash == std::string_view::npos) return false;
    return name.substr(0, slash) == word || name.substr(slash + 1) == word;
}

bool is_call_name(std::string_view word) {
    const auto means = [&](std::string_view name) { return is_call(name, word); };
    static constexpr std::array kOthers = {kOpenCall, kMapRunCall, kPunchHoleCall};
    if (std::ranges::any_of(kOthers, means)) return true;
    for (std::uint64_t command = 0; command < kRealmCommands; ++command)
        if (means(records::command_form(command).name)) return true;
    return std::ranges::any_of(records::call_forms(), means, &records::CallForm::name);
}

ExitForm describe_exit(const kvm_run& run, long result) {
    // A failed KVM_RUN leaves what the one before it said, but for a memory fault.
    if (result < 0 &&
        (result == -EINTR || result == -EAGAIN || run.exit_reason != KVM_EXIT_MEMORY_FAULT))
        return {};
    if (run.exit_reason == KVM_EXIT_MMIO) {
        ExitForm form = exit_named(run.mmio.is_write != 0 ? kMmioWriteExit : kMmioReadExit);
        form.data_width = std::min<std::size_t>(run.mmio.len, kMostMmioBytes);
        return form;
    }
    const auto found = std::ranges::find(records::exit_forms(), run.exit_reason, &ExitForm::reason);
    return found != records::exit_forms().end() ? *found : exit_named("EXIT");
}

ExitForm exit_named(std::string_view name) {
    const auto found = std::ranges::find(records::exit_forms(), name, &ExitForm::name);
    return found != records::exit_forms().end() ? *found : ExitForm{};
}

Part mmio_read_data(kvm_run& run) {
    Part data = {reinterpret_cast<std::byte*>(&run), 0, records::kMmioData, 0};
    data.width = std::min<std::size_t>(run.mmio.len, kMostMmioBytes);
    return data;
}

}  // namespace rvmm::vmm::kvm
