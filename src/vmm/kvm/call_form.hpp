// What KVM calls look like: the name of each, and the fields of its records. Declared once, for the
// text of recordings (call_text.hpp), for replaying them and for injecting faults by name.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

struct kvm_run;  // of <linux/kvm.h>, which only vmm/ includes

namespace rvmm::vmm::kvm {

/// What a descriptor stands for.
enum class ObjectKind : std::uint8_t { kNone, kSystem, kVm, kVcpu, kGuestMemfd, kDevice, kMemfd };

/// How a field is written.
enum class Form : std::uint8_t {
    kDecimal,
    kHex,
    kName,     // one of `names`, else decimal
    kFlags,    // bits of `names` joined by '|', others in hex
    kAddress,  // in our memory: '*', which is the same in every run; 0 if there is none
    kObject,   // a descriptor: the name of what it stands for
    kBytes,    // two hex digits a byte, in memory order
    kWords,    // 64-bit words in hex, joined by commas
};

/// Which way a field goes.
enum class Way : std::uint8_t { kIn, kOut, kInOut, kOutOnError };

struct Name {
    std::uint64_t value;  // of a flag: its bit
    std::string_view text;
};

struct Field {
    std::string_view name;
    std::size_t offset;
    std::size_t width;  // bytes
    Form form = Form::kHex;
    std::span<const Name> names = {};
    Way way = Way::kIn;
};

/// Fields in one piece of our memory.
struct Part {
    std::byte* at = nullptr;      // nullptr: `immediate` is what the fields lie in
    std::uint64_t immediate = 0;  // ioctl(2)'s third argument itself
    std::span<const Field> fields = {};
    std::size_t width = 0;  // of the only field, where it is not the declared one

    const std::byte* bytes() const {
        return at != nullptr ? at : reinterpret_cast<const std::byte*>(&immediate);
    }
    std::size_t width_of(const Field& field) const { return width != 0 ? width : field.width; }
};

/// One call, as its request number, its argument and the records behind it say. Points into those.
struct Call {
    std::string_view name;     // empty: rvmm has no name for it
    bool null_record = false;  // a probe: the record that belongs there is missing
    std::vector<Part> parts;
    Form result = Form::kDecimal;
    ObjectKind makes = ObjectKind::kNone;
    std::uint64_t number = 0;  // of a new vCPU; the type of a new device
};

/// `on` decides what attributes of devices mean.
Call describe_call(ObjectKind on, unsigned long request, std::uintptr_t argument);

/// A name of describe_call() that `word` means: all of it, or what stands before or after its '/',
/// so that POPULATE is that of every revision.
bool is_call(std::string_view name, std::string_view word);
/// Whether any call has that name.
bool is_call_name(std::string_view word);

/// Calls of a Driver that are no ioctl.
inline constexpr std::string_view kOpenCall = "OPEN";
inline constexpr std::string_view kMapRunCall = "MAP_RUN";
inline constexpr std::string_view kPunchHoleCall = "PUNCH_HOLE";
inline constexpr std::string_view kParameterCall = "MODULE_PARAMETER";

inline constexpr std::string_view kRunCall = "RUN";
inline constexpr std::string_view kMmioReadExit = "MMIO_READ";
inline constexpr std::string_view kMmioWriteExit = "MMIO_WRITE";

/// Why KVM_RUN came back.
struct ExitForm {
    std::string_view name;
    std::uint32_t reason;  // KVM_EXIT_*
    std::span<const Field> fields;
    std::size_t data_width = 0;  // of the field "data", where it has one
};
/// The exit in `run`; nothing where it holds none after a KVM_RUN with this result.
/// A name of its own has MMIO_READ and MMIO_WRITE; an exit that rvmm does not know is EXIT.
ExitForm describe_exit(const kvm_run& run, long result);
/// The exit of this name; its name is empty if there is none.
ExitForm exit_named(std::string_view name);
/// What the guest's read gets, of the width that the exit asked for.
Part mmio_read_data(kvm_run& run);

}  // namespace rvmm::vmm::kvm
