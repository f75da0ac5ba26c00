// hello: a few KB that use everything a realm has. It says what it sees, tries what can go wrong,
// and exits with a status. What each line means: guest-images/README.md.
#include "calls.hpp"
#include "console.hpp"
#include "cpu.hpp"
#include "rsi.hpp"
#include "runtime.hpp"
#include "smp.hpp"

namespace guest {
namespace {

// Exit statuses of the checks.
constexpr std::uint64_t kBadHash = kFirstGuestStatus;  // 42
constexpr std::uint64_t kBadMeasurement = 43;
constexpr std::uint64_t kCpuMissing = 44;
constexpr std::uint64_t kCpuMisnamed = 45;
constexpr std::uint64_t kShareRefused = 46;
constexpr std::uint64_t kPrivateContentShown = 47;
constexpr std::uint64_t kPrintRefused = 48;
constexpr std::uint64_t kUnshareRefused = 49;
constexpr std::uint64_t kSharedContentKept = 50;
constexpr std::uint64_t kExtendRefused = 51;
constexpr std::uint64_t kReadyRefused = 52;
constexpr std::uint64_t kBadArgument = 53;
constexpr std::uint64_t kNoToken = 54;
constexpr std::uint64_t kTokenRefused = 55;
constexpr std::uint64_t kNoPvpanic = 56;
constexpr std::uint64_t kPvpanicIgnored = 57;

constexpr std::uint64_t kCpuTimeoutMs = 60'000;
constexpr std::uint64_t kMarker = 0x5ec2'e75e'c2e7'5ec2;
constexpr std::uint64_t kUnmappedDevice = 0x500'0000;
// docs/devices.md, "pvpanic".
constexpr std::uint64_t kPvpanicEvents = 0;
constexpr std::uint64_t kPvpanicStatus = 4;
constexpr std::uint8_t kPvpanicPanicked = 1;
constexpr std::uint32_t kPvpanicMagic = 0x6d6d'7672;
constexpr std::uint64_t kEndTimeoutMs = 10'000;
constexpr std::size_t kWords = kPage / sizeof(std::uint64_t);

[[gnu::section(".noinit.page")]] alignas(kPage) std::uint64_t page[kWords];
[[gnu::section(".noinit.token")]] alignas(kPage) std::uint64_t token_page[kWords];

template <class... Parts>
[[noreturn]] void fail(std::uint64_t status, Parts... parts) {
    print_line("hello: FAIL ", parts...);
    host_exit(status);
}

volatile std::uint64_t* words_at(std::uint64_t address) {
    return reinterpret_cast<volatile std::uint64_t*>(address);
}

struct Hash {
    const char* name;
    std::size_t size;
};

Hash realm_hash() {
    switch (realm().hash) {
        case 0:
            return {"sha-256", 32};
        case 1:
            return {"sha-512", 64};
        case 2:
            return {"sha-384", 48};
        default:
            fail(kBadHash, "hash algorithm ", Decimal{realm().hash}, " is not known");
    }
}

void print_measurement(const char* name, std::uint64_t index) {
    Measurement value;
    if (!read_measurement(index, value)) fail(kBadMeasurement, name, " cannot be read");
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(value.words);
    print_line("hello: ", name, " ", HexBytes{bytes, realm_hash().size});
}

void describe_realm() {
    if (!realm().active) {
        print_line("hello: no RSI, an ordinary VM");
        return;
    }
    print_line("hello: RSI version ", Decimal{realm().version >> 16}, ".",
               Decimal{realm().version & 0xffff});
    print_line("hello: ipa_bits ", Decimal{realm().ipa_bits}, ", hash ", realm_hash().name);
    print_measurement("RIM", 0);
}

void check_cpus() {
    const CpuReport report = start_all_cpus(kCpuTimeoutMs);
    switch (report.failure) {
        case CpuReport::Failure::kNone:
            break;
        case CpuReport::Failure::kRefused:
            fail(kCpuMissing, "CPU ", Hex{report.affinity}, " was refused");
        case CpuReport::Failure::kSilent:
            fail(kCpuMissing, "CPU ", Hex{report.affinity}, " did not come up");
        case CpuReport::Failure::kNotListed:
            fail(kCpuMisnamed, "boot CPU ", Hex{report.affinity}, " is not in the device tree");
        case CpuReport::Failure::kMisnamed:
            fail(kCpuMisnamed, "CPU ", Hex{report.affinity}, " has another MPIDR");
    }
    print_line("hello: ", Decimal{report.up}, " of ", Decimal{machine().cpu_count},
               " CPUs, MPIDRs ok");
}

void print_through_host(std::uint64_t address, const char* text) {
    auto* out = reinterpret_cast<volatile char*>(address);
    std::size_t size = 0;
    for (; text[size] != 0; ++size) out[size] = text[size];
    const std::int64_t result = host_print(address, size);
    if (result != 0) {
        fail(kPrintRefused, "PRINT answered -", Decimal{static_cast<std::uint64_t>(-result)});
    }
}

/// Shares `page`; the address at which both sides see it.
std::uint64_t share_page() {
    const auto base = reinterpret_cast<std::uint64_t>(page);
    if (!set_ipa_state(base, base + kPage, Ripas::kEmpty)) {
        fail(kShareRefused, "the page cannot be shared");
    }
    return base | realm().shared_bit;
}

void make_page_private() {
    const auto base = reinterpret_cast<std::uint64_t>(page);
    if (!set_ipa_state(base, base + kPage, Ripas::kRam)) {
        fail(kUnshareRefused, "the page cannot be made private");
    }
}

void check_sharing() {
    const auto base = reinterpret_cast<std::uint64_t>(page);
    for (std::size_t i = 0; i < kWords; ++i) words_at(base)[i] = kMarker;
    const std::uint64_t alias = share_page();
    for (std::size_t i = 0; i < kWords; ++i) {
        if (words_at(alias)[i] == kMarker) {
            fail(kPrivateContentShown, "the shared page shows private content");
        }
    }
    print_line("hello: shared page does not show private content: ok");

    print_through_host(alias, "hello: printed by the host from a shared page\r\n");

    make_page_private();
    for (std::size_t i = 0; i < kWords; ++i) {
        if (words_at(base)[i] != 0) fail(kSharedContentKept, "the unshared page is not zero");
    }
    print_line("hello: unshared page reads zero: ok");
}

/// Extends REM 1 by the 32 bytes 00 01 02 ... 1f.
void extend_rem() {
    print_measurement("REM 1", 1);
    Measurement value{};
    auto* bytes = reinterpret_cast<std::uint8_t*>(value.words);
    for (std::uint8_t i = 0; i < 32; ++i) bytes[i] = i;
    if (!extend_measurement(1, value, 32)) fail(kExtendRefused, "REM 1 cannot be extended");
    print_measurement("REM 1 extended", 1);
}

/// Asks for a token and hands it over through a shared page, if the host wants one.
void give_token() {
    std::uint64_t challenge[8];
    if (!host_wants_token(challenge)) return;
    const std::size_t size = attestation_token(challenge, token_page);
    if (size == 0) fail(kNoToken, "there is no attestation token");
    const std::uint64_t alias = share_page();
    for (std::size_t i = 0; i < kWords; ++i) words_at(alias)[i] = token_page[i];
    if (host_give_token(alias, size) != 0) fail(kTokenRefused, "the host refused the token");
    make_page_private();
    print_line("hello: gave a token of ", Decimal{size}, " bytes");
}

void touch_unmapped_device() {
    const std::uint64_t address = kUnmappedDevice | realm().shared_bit;
    mmio_write32(address, 1);
    print_line("hello: an unmapped device reads ", Hex{mmio_read32(address)});
}

/// Has the host print the same shared page for ever, and does not touch it any more.
void chatter() {
    const std::uint64_t alias =
        realm().active ? share_page() : reinterpret_cast<std::uint64_t>(page);
    static constexpr char text[] = "hello: printed by the host\r\n";
    print_through_host(alias, text);
    for (;;) host_print(alias, sizeof text - 1);
}

/// Where it is reached; fails if it is not there.
std::uint64_t pvpanic() {
    const Range& registers = machine().pvpanic;
    if (registers.size <= kPvpanicStatus) fail(kNoPvpanic, "the device tree has no pvpanic");
    const std::uint64_t base = registers.base | realm().shared_bit;
    if ((mmio_read8(base + kPvpanicEvents) & kPvpanicPanicked) == 0) {
        fail(kNoPvpanic, "pvpanic knows of no panic");
    }
    const std::uint32_t magic = mmio_read32(base + kPvpanicStatus);
    if (magic != kPvpanicMagic) fail(kNoPvpanic, "pvpanic has no status: ", Hex{magic});
    return base;
}

/// The host ends the run a moment after it was told to.
[[noreturn]] void wait_for_end() {
    const std::uint64_t begin = now_ms();
    while (now_ms() - begin < kEndTimeoutMs) {
    }
    fail(kPvpanicIgnored, "pvpanic ends nothing");
}

void end_by_pvpanic() {
    std::uint64_t status = 0;
    if (has_argument("pvpanic")) {
        print_line("hello: panic by pvpanic, as asked");
        mmio_write8(pvpanic() + kPvpanicEvents, kPvpanicPanicked);
        wait_for_end();
    }
    if (number_argument("pvstatus=", status)) {
        print_line("hello: status ", Decimal{status}, " by pvpanic, as asked");
        mmio_write32(pvpanic() + kPvpanicStatus, static_cast<std::uint32_t>(status));
        wait_for_end();
    }
}

std::uint64_t end_as_asked() {
    end_by_pvpanic();
    if (has_argument("spin")) {
        for (;;) asm volatile("");
    }
    if (has_argument("wfi")) wait_forever();
    if (has_argument("chatter")) chatter();
    if (has_argument("reset")) psci(kPsciSystemReset);
    if (has_argument("off")) psci(kPsciSystemOff);
    if (has_argument("panic")) {
        print_line("hello: panic, as asked");
        return kPanicStatus;
    }
    std::uint64_t status = 0;
    number_argument("status=", status);
    if (status > 63) fail(kBadArgument, "status=", Decimal{status}, " is above 63");
    return status;
}

}  // namespace

std::uint64_t guest_main() {
    describe_realm();
    check_cpus();
    if (realm().active) {
        check_sharing();
        extend_rem();
        give_token();
    } else {
        print_through_host(reinterpret_cast<std::uint64_t>(page), "hello: printed by the host\r\n");
    }
    if (has_argument("badmmio")) touch_unmapped_device();
    if (host_ready() != 0) fail(kReadyRefused, "READY was refused");
    return end_as_asked();
}

}  // namespace guest
