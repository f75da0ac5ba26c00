// Replays what a guest asked a running RMM, in order and on the same memory map, and compares the
// answers, and what conversions do to memory, line by line.
#include <charconv>
#include <map>
#include <optional>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "realm/rmm/fake_realm_memory.hpp"
#include "realm/rmm/probe_lines.hpp"
#include "realm/rmm/software_rmm.hpp"
#include "rmi/psci.hpp"
#include "rmi/rsi.hpp"

namespace rvmm::realm {
namespace {

using rmi::RsiRealmConfig;
using rmi::SmcRegisters;

constexpr IpaRange kAnsweredRam = *IpaRange::make(Ipa{0x8000'0000}, 32ULL << 20);
constexpr Ipa kBuffer{0x8009'c000};
constexpr Ipa kTestPage{0x8020'0000};
constexpr Ipa kNextPage = kTestPage + kPageSize4K;

std::uint64_t hex_at(std::string_view text, std::size_t at) {
    std::uint64_t value = 0;
    std::from_chars(text.data() + at, text.data() + text.size(), value, 16);
    return value;
}

// The number after `name` and "=".
std::uint64_t value_of(std::string_view line, std::string_view name) {
    const std::size_t at = line.find(fmt::format(" {}=", name));
    return at == line.npos ? 0 : hex_at(line, at + name.size() + 2);
}

struct Call {
    std::string text;  // up to and with "->"
    std::string label;
    std::uint64_t function;
    std::array<std::uint64_t, 4> arguments;
};

std::optional<Call> parse_call(const std::string& line) {
    const std::size_t fid = line.find(" fid=");
    const std::size_t arrow = line.find("-> x0=");
    if (fid == line.npos || arrow == line.npos) return std::nullopt;
    Call call{line.substr(0, arrow + 2), line.substr(0, fid), hex_at(line, fid + 5), {}};
    std::size_t at = line.find('(', fid);
    for (std::uint64_t& argument : call.arguments) {
        argument = hex_at(line, at + 1);
        at = line.find(',', at + 1);
    }
    return call;
}

// The RIM, from the line that read it.
Bytes recorded_rim(const std::vector<std::string>& lines) {
    Bytes rim(32);
    for (const std::string& line : lines)
        if (line.starts_with("measurement_read fid=c4000192 (0,"))
            for (std::size_t i = 0; i < 4; ++i)
                store_le(std::span(rim).subspan(8 * i), value_of(line, fmt::format("x{}", i + 1)));
    return rim;
}

ActiveRealm recorded_realm(const std::vector<std::string>& lines) {
    ActiveRealm realm;
    realm.ipa_bits = 34;
    realm.rim = *measure::Digest::from(recorded_rim(lines));
    realm.ram = {kAnsweredRam};
    realm.mpidrs = {0};
    realm.gicv3_vtr = 0x90b8'0003;
    return realm;
}

// The guest that asked, its memory, and a host like the one that it ran on.
class Replay {
  public:
    explicit Replay(const std::vector<std::string>& lines)
        : memory_({kAnsweredRam}),
          rmm_(*SoftwareRmm::create(recorded_realm(lines), memory_,
                                    [](auto) { return Bytes(2174, std::byte{0xd9}); })) {}

    /// This realm's own version of a recorded line; nothing if the line is no matter of an RMM.
    std::optional<std::string> answer(const std::string& line);

  private:
    SmcRegisters smc(std::uint64_t function, std::array<std::uint64_t, 4> arguments);
    std::string call(const Call& call);
    void prepare(const std::string& label);
    void serve(const HostCallRequest& request, SmcRegisters& registers);
    void set_state(Ripas ripas) {
        smc(0xc400'0197, {kTestPage.value, kNextPage.value, static_cast<std::uint64_t>(ripas), 0});
    }
    void put_host_call(std::uint64_t function, std::uint64_t immediate);
    std::uint64_t host_gpr(std::size_t index) {
        return memory_.load_private(kBuffer + 8 + 8 * index);
    }

    std::optional<std::string> configuration(const std::string& line);
    std::optional<std::string> state(const std::string& line);
    std::optional<std::string> content(const std::string& line);
    std::optional<std::string> host_results(const std::string& line);
    std::optional<std::string> token_piece(const std::string& line);

    FakeRealmMemory memory_;
    SoftwareRmm rmm_;
};

SmcRegisters Replay::smc(std::uint64_t function, std::array<std::uint64_t, 4> arguments) {
    SmcRegisters registers;
    registers.x = {function, arguments[0], arguments[1], arguments[2], arguments[3], 0x55,
                   0x66,     0x77,         0x88,         0x99,         0xaa};
    SmcOutcome outcome = rmm_.smc(0, registers);
    if (auto* change = std::get_if<IpaStateChange>(&outcome)) {
        memory_.convert(*change);
        rmm_.complete(*change, registers);
    } else if (auto* request = std::get_if<HostCallRequest>(&outcome)) {
        serve(*request, registers);
    } else {
        EXPECT_TRUE(std::holds_alternative<Handled>(outcome));
    }
    return registers;
}

// KVM takes the general purpose registers for an SMCCC call.
void Replay::serve(const HostCallRequest& request, SmcRegisters& registers) {
    auto gprs = request.gprs;
    const std::uint64_t function = gprs[0];
    gprs[0] = function == rmi::kSmcccVersion ? 0x1'0001
              : function == 0x8400'0000      ? 0x1'0003
                                             : rmi::kSmcUnknown;
    gprs[1] = gprs[2] = gprs[3] = 0;
    rmm_.complete(request, gprs, registers);
}

void Replay::put_host_call(std::uint64_t function, std::uint64_t immediate) {
    memory_.store_private(kBuffer, immediate);
    for (std::size_t i = 0; i < 31; ++i)
        memory_.store_private(kBuffer + 8 + 8 * i, i == 0 ? function : 0x100 + i);
}

// What the guest did before some of its calls.
void Replay::prepare(const std::string& label) {
    if (label == "state_set EMPTY") {
        memory_.store_private(kTestPage, 0x5a);
        memory_.store_private(kNextPage, 0x5a);
    }
    if (label == "state_set RAM change") memory_.store_private(kTestPage, 0x5a);
    if (label == "host_call SMCCC_VERSION") put_host_call(0x8000'0000, 0);
    if (label == "host_call PSCI_VERSION") put_host_call(0x8400'0000, 0);
    if (label == "host_call imm 1234") put_host_call(0x8000'0000, 1234);
}

std::string Replay::call(const Call& call) {
    prepare(call.label);
    const SmcRegisters registers = smc(call.function, call.arguments);
    EXPECT_EQ(registers.x[9], 0x99U) << call.text;
    EXPECT_EQ(registers.x[10], 0xaaU) << call.text;
    std::string text = call.text;
    for (std::size_t i = 0; i <= 8; ++i) text += fmt::format(" x{}={:x}", i, registers.x[i]);
    return text;
}

std::optional<std::string> Replay::configuration(const std::string& line) {
    const auto byte = [&](std::uint64_t offset) {
        return memory_.load_private(kBuffer + align_down(offset, 8)) >> (8 * (offset % 8)) & 0xff;
    };
    if (line.starts_with("realm_config ipa_width=")) {
        smc(0xc400'0196, {kBuffer.value, 0, 0, 0});
        const std::uint64_t width =
            memory_.load_private(kBuffer + RsiRealmConfig::kIpaWidth.offset);
        return fmt::format(
            "realm_config ipa_width={} hash_algo={} pc=0 ns={:x} ram={:x}-{:x} rpv0={}", width,
            byte(RsiRealmConfig::kHashAlgo.offset), 1ULL << (width - 1), kAnsweredRam.base().value,
            kAnsweredRam.top().value, byte(RsiRealmConfig::kRpv.offset));
    }
    const std::string start = "realm_config byte ";
    if (!line.starts_with(start)) return std::nullopt;
    const std::uint64_t offset = hex_at(line, start.size());
    return fmt::format("{}{:x} = {:x}", start, offset, byte(offset));
}

std::optional<std::string> Replay::state(const std::string& line) {
    const std::map<std::string, Ipa> pages = {{"state after EMPTY:", kTestPage},
                                              {"state next page:", kNextPage},
                                              {"state afterwards:", kTestPage}};
    for (const auto& [start, page] : pages) {
        if (!line.starts_with(start)) continue;
        const auto x = smc(0xc400'0198, {page.value, (page + kPageSize4K).value, 0, 0}).x;
        return fmt::format("{} rc={:x} ripas={:x} top={:x}", start, x[0], x[2], x[1]);
    }
    return std::nullopt;
}

std::optional<std::string> Replay::content(const std::string& line) {
    const auto loaded = [](std::string_view start, std::uint64_t value) {
        return fmt::format("{}{:x}", start, value);
    };
    const auto untaken = [](std::string_view start, std::uint64_t value) {
        return fmt::format("{} taken=0 esr=0 val={:x}", start, value);
    };
    if (std::string_view s = "content after EMPTY->RAM(no change destroyed): "; line.starts_with(s))
        return loaded(s, memory_.load_private(kTestPage));
    if (std::string_view s = "content of next page: "; line.starts_with(s))
        return loaded(s, memory_.load_private(kNextPage));
    if (std::string_view s = "content after RAM->RAM(change destroyed): "; line.starts_with(s))
        return loaded(s, memory_.load_private(kTestPage));
    if (std::string_view s = "shared content "; line.starts_with(s)) {
        set_state(Ripas::kEmpty);
        memory_.store_shared(kTestPage, 0x77);
        return loaded(s, memory_.load_shared(kTestPage));
    }
    if (std::string_view s = "private after shared "; line.starts_with(s)) {
        set_state(Ripas::kRam);
        return loaded(s, memory_.load_private(kTestPage));
    }
    if (std::string_view s = "shared again "; line.starts_with(s)) {
        set_state(Ripas::kEmpty);
        return loaded(s, memory_.load_shared(kTestPage));
    }
    if (std::string_view s = "read shared alias of a RAM page:"; line.starts_with(s)) {
        memory_.store_private(kTestPage, 0x1122'3344);
        return untaken(s, memory_.load_shared(kTestPage));
    }
    if (std::string_view s = "write shared alias of a RAM page:"; line.starts_with(s)) {
        memory_.store_shared(kTestPage, 0xdead'beef);
        return untaken(s, memory_.load_shared(kTestPage));
    }
    if (std::string_view s = "private side afterwards:"; line.starts_with(s))
        return untaken(s, memory_.load_private(kTestPage));
    return std::nullopt;
}

std::optional<std::string> Replay::host_results(const std::string& line) {
    if (const std::string s = "host_call gpr"; line.starts_with(s)) {
        const std::uint64_t index = hex_at(line, s.size());
        return fmt::format("{}{} = {:x}", s, index, host_gpr(index));
    }
    if (std::string_view s = "host_call PSCI_VERSION gpr0="; line.starts_with(s))
        return fmt::format("{}{:x}", s, host_gpr(0));
    if (std::string_view s = "host_call imm 1234 gpr0="; line.starts_with(s)) {
        for (std::size_t i = 4; i < 31; ++i) EXPECT_EQ(host_gpr(i), 0x100 + i);
        return fmt::format("{}{:x} imm={:x}", s, host_gpr(0),
                           memory_.load_private(kBuffer) & 0xffff);
    }
    return std::nullopt;
}

std::optional<std::string> Replay::token_piece(const std::string& line) {
    const std::string start = "token_continue off16 size 1000 ->";
    if (!line.starts_with(start)) return std::nullopt;
    const auto x = smc(0xc400'0195, {kBuffer.value, 16, 1000, 0}).x;
    return fmt::format("{} rc={} len={}", start, x[0], x[1]);
}

std::optional<std::string> Replay::answer(const std::string& line) {
    if (const auto parsed = parse_call(line)) return call(*parsed);
    using Handler = std::optional<std::string> (Replay::*)(const std::string&);
    for (Handler handler : {&Replay::configuration, &Replay::state, &Replay::content,
                            &Replay::host_results, &Replay::token_piece})
        if (auto text = (this->*handler)(line)) return text;
    return std::nullopt;
}

TEST(SoftwareRmm, RecordedCalls_GetTheRecordedAnswers) {
    const auto lines = recorded_lines();
    const auto exceptions = unit_exceptions();
    ASSERT_EQ(lines.size(), 245U);
    std::vector<int> used(exceptions.size(), 0);
    int equal = 0, but_values = 0, not_given = 0;

    Replay replay(lines);
    for (const std::string& line : lines) {
        const auto mine = replay.answer(line);
        const auto exception = std::ranges::find_if(
            exceptions, [&](const ProbeException& e) { return line.starts_with(e.begins); });
        if (exception == exceptions.end()) {
            ASSERT_TRUE(mine) << "nothing checks: " << line;
            EXPECT_EQ(*mine, line);
            ++equal;
            continue;
        }
        ++used[static_cast<std::size_t>(exception - exceptions.begin())];
        EXPECT_EQ(exception->whole_line(), !mine.has_value()) << line;
        ++(mine ? but_values : not_given);
        if (!mine) continue;
        EXPECT_NE(*mine, line) << "this is no exception any more";
        EXPECT_EQ(without_values(*mine, *exception), without_values(line, *exception));
    }
    for (std::size_t i = 0; i < exceptions.size(); ++i)
        EXPECT_GT(used[i], 0) << "no such line: " << exceptions[i].begins;
    fmt::print(
        "{} recorded lines: {} equal, {} equal but for named values, {} not an RMM's to give\n",
        lines.size(), equal, but_values, not_given);
    RecordProperty("equal", equal);
}

}  // namespace
}  // namespace rvmm::realm
