#include "runtime.hpp"

#include "calls.hpp"
#include "console.hpp"
#include "cpu.hpp"
#include "fdt.hpp"
#include "rsi.hpp"

namespace guest {
namespace {

Machine this_machine;
volatile unsigned panics;

/// Takes the next word off `rest`; an empty one when there is no more.
Text next_word(Text& rest) {
    const auto at_end = [&] { return rest.size == 0 || rest.data[0] == 0; };
    const auto drop = [&] { rest = {rest.data + 1, rest.size - 1}; };
    while (!at_end() && rest.data[0] == ' ') drop();
    Text word{rest.data, 0};
    while (!at_end() && rest.data[0] != ' ') {
        drop();
        ++word.size;
    }
    return word;
}

bool parse_number(Text digits, std::uint64_t& out) {
    out = 0;
    for (std::size_t i = 0; i < digits.size; ++i) {
        if (digits.data[i] < '0' || digits.data[i] > '9' || out > 1'000'000'000) return false;
        out = out * 10 + static_cast<std::uint64_t>(digits.data[i] - '0');
    }
    return digits.size != 0;
}

}  // namespace

const Machine& machine() {
    return this_machine;
}

bool has_argument(const char* word) {
    Text rest = machine().bootargs;
    for (Text it = next_word(rest); it.size != 0; it = next_word(rest)) {
        if (equals(it, word)) return true;
    }
    return false;
}

bool number_argument(const char* prefix, std::uint64_t& out) {
    std::size_t length = 0;
    while (prefix[length] != 0) ++length;
    Text rest = machine().bootargs;
    for (Text it = next_word(rest); it.size != 0; it = next_word(rest)) {
        if (!starts_with(it, prefix)) continue;
        if (parse_number({it.data + length, it.size - length}, out)) return true;
    }
    return false;
}

extern "C" [[noreturn]] void guest_boot(std::uint64_t fdt) {
    if (!read_machine(fdt, this_machine)) host_exit(kBadMachineStatus);
    if (this_machine.psci_is_hvc) {
        use_hvc();
    } else if (!probe_realm()) {
        host_exit(kBadRealmConfigStatus);
    }
    use_console_alias(realm().shared_bit);
    host_exit(guest_main());
}

extern "C" [[noreturn]] void guest_panic(std::uint64_t esr, std::uint64_t elr, std::uint64_t far) {
    // A panic while this one is printed must not print: the console may be what is broken.
    panics = panics + 1;
    if (panics == 1) {
        print_line("guest: PANIC ESR ", Hex{esr}, " ELR ", Hex{elr}, " (image + ",
                   Hex{elr - image_range().base}, ") FAR ", Hex{far});
    }
    if (panics <= 2) host_exit(kPanicStatus);
    wait_forever();
}

}  // namespace guest
