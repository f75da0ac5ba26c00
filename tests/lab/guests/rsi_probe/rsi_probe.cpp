// rsi_probe: asks what the probe of tests/data/rsi/rsi-answers.txt asked, in its order, and prints
// the answers in its words; tests/lab/compare_probe.py compares them. It leaves out what ends an
// emulated realm (accesses to EMPTY pages) or asks somebody else (HVC). Ends with PSCI SYSTEM_OFF.
#include "call_tables.hpp"
#include "calls.hpp"
#include "console.hpp"
#include "cpu.hpp"
#include "rsi.hpp"
#include "runtime.hpp"

namespace guest {
namespace {

using guest::put;
using probe::Call;
using probe::kBuffer;
using probe::kTestPage;

constexpr std::uint64_t kNextPage = kTestPage + kPage;

// Hexadecimal without a prefix, as the recording has it.
struct Plain {
    std::uint64_t value;
};

void put(Plain number) {
    int shift = 60;
    while (shift > 0 && (number.value >> shift) == 0) shift -= 4;
    for (; shift >= 0; shift -= 4) put("0123456789abcdef"[number.value >> shift & 0xf]);
}

template <class... Parts>
void report(Parts... parts) {
    put("PROBE ");
    (put(parts), ...);
    put("\r\n");
}

// X5 to X8 hold what the recording calls "preset"; X9 and X10 what its REM values show.
Registers ask(std::uint64_t function, std::uint64_t x1, std::uint64_t x2, std::uint64_t x3,
              std::uint64_t x4) {
    return smc(function, x1, x2, x3, x4, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa);
}

void ask_and_report(const Call& call) {
    const Registers answer = ask(call.function, call.x1, call.x2, call.x3, call.x4);
    put("PROBE ");
    put(call.label);
    put(" fid=");
    put(Plain{call.function});
    put(" (");
    put(Plain{call.x1});
    put(",");
    put(Plain{call.x2});
    put(",");
    put(Plain{call.x3});
    put(",");
    put(Plain{call.x4});
    put(") ->");
    for (std::size_t i = 0; i <= 8; ++i) {
        put(" x");
        put(Plain{i});
        put('=');
        put(Plain{answer.x[i]});
    }
    put("\r\n");
}

template <std::size_t Count>
void ask_all(const Call (&calls)[Count]) {
    for (const Call& call : calls) ask_and_report(call);
}

// The MMU is off here and caches are on at the other side: see sync_caches().
std::uint64_t load(std::uint64_t address) {
    const auto* word = reinterpret_cast<const volatile std::uint64_t*>(address);
    sync_caches(reinterpret_cast<const void*>(address), sizeof *word);
    return *word;
}

void store(std::uint64_t address, std::uint64_t value) {
    *reinterpret_cast<volatile std::uint64_t*>(address) = value;
    sync_caches(reinterpret_cast<const void*>(address), sizeof value);
}

std::uint64_t load_byte(std::uint64_t address) {
    return load(address & ~std::uint64_t{7}) >> (address % 8 * 8) & 0xff;
}

std::uint64_t shared_alias(std::uint64_t address) {
    return address | realm().shared_bit;
}

void set_test_page(Ripas ripas) {
    ask(probe::kStateSet, kTestPage, kNextPage, static_cast<std::uint64_t>(ripas), 0);
}

void probe_configuration() {
    for (std::uint64_t at = 0; at < kPage; at += 8) store(kBuffer + at, 0);
    ask(probe::kRealmConfig, kBuffer, 0, 0, 0);
    const Range ram = machine().ram[0];
    report("realm_config ipa_width=", Decimal{load(kBuffer)},
           " hash_algo=", Decimal{load_byte(kBuffer + 8)},
           " pc=", Plain{reinterpret_cast<std::uint64_t>(&ask)},
           " ns=", Plain{std::uint64_t{1} << (load(kBuffer) - 1)}, " ram=", Plain{ram.base}, "-",
           Plain{ram.end()}, " rpv0=", Plain{load_byte(kBuffer + 0x200)});
    for (std::uint64_t at = 0x10; at < 0x200; ++at) {
        const std::uint64_t value = load_byte(kBuffer + at);
        if (value != 0) report("realm_config byte ", Plain{at}, " = ", Plain{value});
    }
}

void report_state(const char* when, std::uint64_t page) {
    const Registers answer = ask(probe::kStateGet, page, page + kPage, 0, 0);
    report(when, ": rc=", Plain{answer.x[0]}, " ripas=", Plain{answer.x[2]},
           " top=", Plain{answer.x[1]});
}

void probe_conversions() {
    store(kTestPage, 0x5a);
    store(kNextPage, 0x5a);
    ask_all(probe::kMakeEmpty);
    report_state("state after EMPTY", kTestPage);
    report_state("state next page", kNextPage);
    ask_all(probe::kWhileEmpty);
    report("content after EMPTY->RAM(no change destroyed): ", Plain{load(kTestPage)});
    report("content of next page: ", Plain{load(kNextPage)});
    store(kTestPage, 0x5a);
    ask_all(probe::kMakeRamAgain);
    report("content after RAM->RAM(change destroyed): ", Plain{load(kTestPage)});

    set_test_page(Ripas::kEmpty);
    store(shared_alias(kTestPage), 0x77);
    report("shared content ", Plain{load(shared_alias(kTestPage))});
    set_test_page(Ripas::kRam);
    report("private after shared ", Plain{load(kTestPage)});
    set_test_page(Ripas::kEmpty);
    report("shared again ", Plain{load(shared_alias(kTestPage))});
    ask_all(probe::kLargeChanges);
}

void report_untaken(const char* what, std::uint64_t value) {
    report(what, ": taken=0 esr=0 val=", Plain{value});
}

void probe_alias_of_private_page() {
    const std::uint64_t alias = shared_alias(kTestPage);
    store(kTestPage, 0x1122'3344);
    report_untaken("read shared alias of a RAM page", load(alias));
    store(alias, 0xdead'beef);
    report_untaken("write shared alias of a RAM page", load(alias));
    report_untaken("private side afterwards", load(kTestPage));
    report_state("state afterwards", kTestPage);
}

std::uint64_t host_gpr(std::uint64_t index) {
    return load(kBuffer + 8 + 8 * index);
}

void put_host_call(std::uint64_t function, std::uint64_t immediate) {
    store(kBuffer, immediate);
    store(kBuffer + 8, function);
    for (std::uint64_t i = 1; i < 31; ++i) store(kBuffer + 8 + 8 * i, 0x100 + i);
}

void probe_host_calls() {
    put_host_call(0x8000'0000, 0);
    ask_all(probe::kHostCallSmccc);
    for (std::uint64_t i = 0; i < 4; ++i)
        report("host_call gpr", Plain{i}, " = ", Plain{host_gpr(i)});
    put_host_call(0x8400'0000, 0);
    ask_all(probe::kHostCallPsci);
    report("host_call PSCI_VERSION gpr0=", Plain{host_gpr(0)});
    put_host_call(0x8000'0000, 1234);
    ask_all(probe::kHostCallImmediate);
    report("host_call imm 1234 gpr0=", Plain{host_gpr(0)}, " imm=", Plain{load(kBuffer) & 0xffff});
}

void probe_token_pieces() {
    constexpr std::uint64_t kIncomplete = 3;
    constexpr int kMostPieces = 16;
    for (int piece = 0; piece < kMostPieces; ++piece) {
        const Registers answer = ask(probe::kTokenContinue, kBuffer, 16, 1000, 0);
        report("token_continue off16 size 1000 -> rc=", Decimal{answer.x[0]},
               " len=", Decimal{answer.x[1]});
        if (answer.x[0] != kIncomplete) return;
    }
}

void probe_ids() {
    for (std::uint64_t id = probe::kFirstRsiId; id <= probe::kLastRsiId; ++id)
        ask_and_report({"rsi fid", id, 0, 0, 0, 0});
    ask_all(probe::kUnknownCalls);
    for (std::uint64_t number = 1; number <= probe::kLastPsciNumber; ++number) {
        ask_and_report({"PSCI_FEATURES32", probe::kPsciFeatures, 0x8400'0000 + number, 0, 0, 0});
        ask_and_report({"PSCI_FEATURES64", probe::kPsciFeatures, 0xc400'0000 + number, 0, 0, 0});
    }
    ask_all(probe::kLastCalls);
}

// An SMC with another immediate is no call: KVM skips it.
void probe_smc_1() {
    asm volatile("mov x0, xzr\n\tsmc #1" : : : "x0", "x1", "x2", "x3", "memory");
    report("smc #1: taken=0 esr=0 pc-smc=0");
}

#define REPORT_REGISTER(name)                         \
    do {                                              \
        std::uint64_t value;                          \
        asm volatile("mrs %0, " #name : "=r"(value)); \
        report(#name "=", Plain{value});              \
    } while (false)

void probe_registers() {
    REPORT_REGISTER(midr_el1);
    REPORT_REGISTER(mpidr_el1);
    REPORT_REGISTER(id_aa64pfr0_el1);
    REPORT_REGISTER(id_aa64pfr1_el1);
    REPORT_REGISTER(id_aa64dfr0_el1);
    REPORT_REGISTER(id_aa64isar0_el1);
    REPORT_REGISTER(id_aa64isar1_el1);
    REPORT_REGISTER(id_aa64mmfr0_el1);
    REPORT_REGISTER(id_aa64mmfr1_el1);
    REPORT_REGISTER(id_aa64mmfr2_el1);
    REPORT_REGISTER(cntfrq_el0);
}

}  // namespace

std::uint64_t guest_main() {
    if (!realm().active) {
        print_line("rsi_probe: this is no realm");
        return kFirstGuestStatus;
    }
    const Range fdt = machine().fdt;
    if (image_range().end() > kBuffer ||
        (fdt.base < kTestPage + (2U << 20) && kBuffer < fdt.end())) {
        print_line("rsi_probe: the guest or its device tree lies where the test pages are");
        return kFirstGuestStatus + 1;
    }
    probe_configuration();
    ask_all(probe::kFirstCalls);
    probe_conversions();
    probe_alias_of_private_page();
    probe_host_calls();
    ask_all(probe::kHostCallsToToken);
    probe_token_pieces();
    ask_all(probe::kAfterToken);
    probe_ids();
    probe_smc_1();
    probe_registers();
    psci(kPsciSystemOff);
    return kFirstGuestStatus + 2;
}

}  // namespace guest
