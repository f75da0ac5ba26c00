// Any sequence of SMCs by three RECs of a small realm: answers stay in bounds, registers that no
// call may touch are kept, and the RIPAS map agrees with one RIPAS a page.
#include <array>
#include <optional>
#include <vector>

#include "fuzz/input.hpp"
#include "realm/rmm/software_rmm.hpp"
#include "rmi/rsi.hpp"

namespace {

using namespace rvmm;
using namespace rvmm::realm;
using fuzz::Input;
using fuzz::require;
using rmi::RsiFunction;
using rmi::SmcRegisters;

constexpr std::uint64_t kPage = kPageSize4K;
constexpr IpaRange kRam = *IpaRange::make(Ipa{0x8000'0000}, 3ULL << 20);
constexpr std::size_t kPages = kRam.size() / kPage;
constexpr std::uint64_t kProtectedEnd = 1ULL << 33;
constexpr std::size_t kRecs = 3;

// One RIPAS a page. What lies there is of no interest, so all pages share their bytes.
class Memory : public RealmMemory {
  public:
    Memory() : ripas_(kPages, Ripas::kRam) {}

    Result<> read(Ipa ipa, MutableByteSpan out) override {
        check(ipa, out.size());
        for (std::size_t i = 0; i < out.size(); ++i) out[i] = bytes_[ipa.value % kPage + i];
        return {};
    }
    Result<> write(Ipa ipa, ByteSpan bytes) override {
        check(ipa, bytes.size());
        for (std::size_t i = 0; i < bytes.size(); ++i) bytes_[ipa.value % kPage + i] = bytes[i];
        return {};
    }
    Ripas& at(Ipa ipa) { return ripas_[(ipa - kRam.base()) / kPage]; }

  private:
    // The RMM touches only pages that are RAM, one at a time.
    void check(Ipa ipa, std::size_t size) {
        require(kRam.contains(*IpaRange::make(ipa, size)));
        require(ipa.value % kPage + size <= kPage);
        require(at(ipa) == Ripas::kRam);
    }

    std::vector<Ripas> ripas_;
    std::array<std::byte, kPage> bytes_{};
};

ActiveRealm small_realm(unsigned signing_calls) {
    ActiveRealm realm;
    realm.ipa_bits = 34;
    realm.rim = measure::Digest(measure::Hash::kSha256);
    realm.ram = {kRam};
    realm.mpidrs = {0, 1, 2};
    realm.signing_calls = signing_calls;
    return realm;
}

class Guest {
  public:
    explicit Guest(Input input)
        : input_(input),
          rmm_(*SoftwareRmm::create(small_realm(static_cast<unsigned>(input_.number(1) % 4)),
                                    memory_, [this](auto) { return token(); })) {}

    void run() {
        while (!input_.empty()) call();
        for (Ipa page = kRam.base(); page < kRam.top(); page = page + kPage)
            require(rmm_.ripas_at(page) == memory_.at(page));
    }

  private:
    std::optional<Bytes> token() {
        const std::size_t size = input_.number(2) % 5000;
        return size == 7 ? std::nullopt : std::optional<Bytes>(size);
    }
    std::uint64_t function();
    std::uint64_t argument();
    void call();
    void check_answer(const SmcRegisters& before, const SmcRegisters& after) const;
    void change(const IpaStateChange& change, const SmcRegisters& before, SmcRegisters& registers);

    Input input_;
    Memory memory_;
    SoftwareRmm rmm_;
};

std::uint64_t Guest::function() {
    const std::uint64_t kind = input_.number(1);
    if (kind < 160) return 0xc400'0190 + kind % 12;
    if (kind < 200) return 0x8400'0000 + kind % 24;
    if (kind < 240) return 0xc400'0000 + kind % 24;
    return input_.number(8);
}

std::uint64_t Guest::argument() {
    const std::uint64_t kind = input_.number(1);
    const std::uint64_t page = kRam.base().value + input_.number(2) % (kPages + 4) * kPage;
    if (kind < 128) return page;
    if (kind < 160) return page + kind % 32 * 256;
    if (kind < 220) return kind % 8;
    if (kind < 230) return kProtectedEnd - kind % 3 * kPage;
    return input_.number(8);
}

void Guest::check_answer(const SmcRegisters& before, const SmcRegisters& after) const {
    const bool measurement =
        rmi::function_id(before) == static_cast<std::uint32_t>(RsiFunction::kMeasurementRead);
    for (std::size_t i = measurement ? 9 : 4; i < before.x.size(); ++i)
        require(after.x[i] == before.x[i]);
    switch (RsiFunction{rmi::function_id(before)}) {
        case RsiFunction::kIpaStateGet:
            if (after.x[0] != 0) break;
            require(before.x[1] < after.x[1] && after.x[1] <= before.x[2]);
            require(after.x[2] == static_cast<std::uint64_t>(rmm_.ripas_at(Ipa{before.x[1]})));
            break;
        case RsiFunction::kAttestationTokenContinue:
            require(after.x[0] <= 4 && after.x[1] <= kPage);
            require(after.x[1] == 0 || after.x[1] <= before.x[3]);
            break;
        default:
            break;
    }
}

void Guest::change(const IpaStateChange& change, const SmcRegisters& before,
                   SmcRegisters& registers) {
    require(change.range.base().value == before.x[1] && change.range.top().value == before.x[2]);
    require(change.range.base() <= change.progress && change.progress <= change.range.top());
    require(change.reject == (change.progress == change.range.base()));
    require(registers.x == before.x);
    Ipa last = change.range.base();
    for (const IpaRange& part : change.changes) {
        require(!part.empty() && last <= part.base() && part.top() <= change.progress);
        require(kRam.contains(part));
        for (last = part.base(); last < part.top(); last = last + kPage) {
            require(memory_.at(last) != change.ripas);
            memory_.at(last) = change.ripas;
        }
    }
    rmm_.complete(change, registers);
    require(registers.x[0] == 0 && registers.x[1] == change.progress.value);
}

void Guest::call() {
    SmcRegisters registers;
    const std::size_t rec = input_.number(1) % kRecs;
    registers.x[0] = function();
    for (std::size_t i = 1; i <= 4; ++i) registers.x[i] = argument();
    for (std::size_t i = 5; i < registers.x.size(); ++i) registers.x[i] = 0x1111 * i;
    const SmcRegisters before = registers;
    SmcOutcome outcome = rmm_.smc(rec, registers);
    if (const auto* asked = std::get_if<IpaStateChange>(&outcome)) {
        change(*asked, before, registers);
    } else if (const auto* host_call = std::get_if<HostCallRequest>(&outcome)) {
        require(registers.x == before.x);
        auto gprs = host_call->gprs;
        gprs[0] = ~gprs[0];
        rmm_.complete(*host_call, gprs, registers);
    } else if (const auto* start = std::get_if<CpuOnRequest>(&outcome)) {
        require(start->target < kRecs && start->target != rec);
        require(start->entry.value < kProtectedEnd);
    }
    check_answer(before, registers);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Guest(Input(std::as_bytes(std::span(data, size)))).run();
    return 0;
}
