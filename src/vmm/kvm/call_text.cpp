#include "vmm/kvm/call_text.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>
#include <linux/kvm.h>

namespace rvmm::vmm::kvm {
namespace {

constexpr int kMostErrno = 4095;
// An argument from here on may be an address in our memory.
constexpr std::uintptr_t kFirstAddress = 0x10000;

std::uint64_t load_number(const std::byte* at, std::size_t width) {
    std::uint64_t value = 0;
    std::memcpy(&value, at, std::min(width, sizeof value));  // both ends are little-endian
    return value;
}

std::string name_text(std::uint64_t value, std::span<const Name> names) {
    const auto found = std::ranges::find(names, value, &Name::value);
    return found != names.end() ? std::string(found->text) : fmt::format("{}", value);
}

std::string flags_text(std::uint64_t value, std::span<const Name> names) {
    std::string text;
    const auto add = [&](std::string_view flag) {
        if (!text.empty()) text += '|';
        text += flag;
    };
    for (const Name& name : names) {
        if ((value & name.value) == 0) continue;
        add(name.text);
        value &= ~name.value;
    }
    if (value != 0) add(fmt::format("{:#x}", value));
    return text.empty() ? "0" : text;
}

std::string bytes_text(const std::byte* at, std::size_t width) {
    std::string text;
    for (std::size_t i = 0; i < width; ++i) text += fmt::format("{:02x}", at[i]);
    return text;
}

std::string words_text(const std::byte* at, std::size_t width) {
    std::string text;
    for (std::size_t i = 0; i < width; i += sizeof(std::uint64_t))
        text +=
            fmt::format("{}{:#x}", i == 0 ? "" : ",", load_number(at + i, sizeof(std::uint64_t)));
    return text;
}

bool goes_in(Way way) {
    return way == Way::kIn || way == Way::kInOut;
}
bool goes_out(Way way, long result) {
    return result < 0 ? way == Way::kOutOnError : way == Way::kOut || way == Way::kInOut;
}

}  // namespace

std::string errno_name(int error_number) {
    const char* name = ::strerrorname_np(error_number);
    return name != nullptr ? name : fmt::format("{}", error_number);
}

int errno_of(std::string_view name) {
    for (int number = 1; number <= kMostErrno; ++number)
        if (const char* known = ::strerrorname_np(number); known != nullptr && known == name)
            return number;
    return 0;
}

std::string value_text(const Field& field, const Part& part, const ObjectNames& names) {
    const std::byte* at = part.bytes() + field.offset;
    const std::size_t width = part.width_of(field);
    const std::uint64_t number = load_number(at, width);
    switch (field.form) {
        case Form::kDecimal:
            return fmt::format("{}", number);
        case Form::kHex:
            return fmt::format("{:#x}", number);
        case Form::kName:
            return name_text(number, field.names);
        case Form::kFlags:
            return flags_text(number, field.names);
        case Form::kAddress:
            return number == 0 ? "0" : "*";
        case Form::kObject:
            return names.name(static_cast<int>(number));
        case Form::kBytes:
            return bytes_text(at, width);
        case Form::kWords:
            return words_text(at, width);
    }
    return {};
}

std::string inputs_text(const Call& call, const ObjectNames& names) {
    std::string text;
    for (const Part& part : call.parts)
        for (const Field& field : part.fields)
            if (goes_in(field.way))
                text += fmt::format(" {}={}", field.name, value_text(field, part, names));
    if (call.null_record) text += " NULL";
    return text;
}

std::string call_text(const Call& call, unsigned long request, std::uintptr_t argument,
                      const ObjectNames& names) {
    if (!call.name.empty()) return std::string(call.name) + inputs_text(call, names);
    return argument < kFirstAddress ? fmt::format("{:#x} argument={:#x}", request, argument)
                                    : fmt::format("{:#x} argument=*", request);
}

std::string outputs_text(const Call& call, long result, const ObjectNames& names) {
    std::string text;
    for (const Part& part : call.parts)
        for (const Field& field : part.fields)
            if (goes_out(field.way, result))
                text += fmt::format(" {}={}", field.name, value_text(field, part, names));
    return text.empty() ? text : " ->" + text;
}

std::string result_text(const Call& call, long result, const ObjectNames& names) {
    if (result < 0) return " = " + errno_name(static_cast<int>(-result));
    if (call.result == Form::kObject) return " = " + names.name(static_cast<int>(result));
    if (result == 0) return {};
    return call.result == Form::kHex ? fmt::format(" = {:#x}", result)
                                     : fmt::format(" = {}", result);
}

std::string exit_text(const kvm_run& run, long result) {
    const ExitForm form = describe_exit(run, result);
    if (form.name.empty()) return {};
    std::string text = fmt::format(" -> {}", form.name);
    // Read only: a Part is for both directions.
    Part part = {reinterpret_cast<std::byte*>(const_cast<kvm_run*>(&run)), 0, form.fields, 0};
    for (const Field& field : form.fields) {
        part.width = field.form == Form::kBytes ? form.data_width : 0;
        text += fmt::format(" {}={}", field.name, value_text(field, part, {}));
    }
    return text;
}

}  // namespace rvmm::vmm::kvm
