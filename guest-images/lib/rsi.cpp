#include "rsi.hpp"

#include "calls.hpp"
#include "cpu.hpp"

namespace guest {
namespace {

constexpr std::uint64_t kVersion = 0xC400'0190;
constexpr std::uint64_t kMeasurementRead = 0xC400'0192;
constexpr std::uint64_t kMeasurementExtend = 0xC400'0193;
constexpr std::uint64_t kTokenInit = 0xC400'0194;
constexpr std::uint64_t kTokenContinue = 0xC400'0195;
constexpr std::uint64_t kRealmConfig = 0xC400'0196;
constexpr std::uint64_t kIpaStateSet = 0xC400'0197;
constexpr std::uint64_t kHostCall = 0xC400'0199;
constexpr std::uint64_t kVersion10 = 0x1'0000;
constexpr std::uint64_t kChangeDestroyed = 1;
constexpr std::uint64_t kIncomplete = 3;
constexpr std::uint64_t kGranule = 4096;

struct alignas(4096) RealmConfig {
    std::uint64_t ipa_bits;
    std::uint64_t hash;
    std::uint8_t rest[4080];
};
static_assert(sizeof(RealmConfig) == 4096);

struct alignas(256) HostCall {
    std::uint64_t immediate;
    std::uint64_t gprs[31];
};
static_assert(sizeof(HostCall) == 256);

[[gnu::section(".noinit.config")]] RealmConfig config_page;
HostCall host_call_block;
Realm this_realm;

std::uint64_t address_of(const void* object) {
    return reinterpret_cast<std::uint64_t>(object);
}

}  // namespace

const Realm& realm() {
    return this_realm;
}

bool probe_realm() {
    const Registers version = smc(kVersion, kVersion10);
    if (version.x[0] != 0) return true;
    this_realm.active = true;
    this_realm.version = version.x[2];
    if (smc(kRealmConfig, address_of(&config_page)).x[0] != 0) return false;
    sync_caches(&config_page, sizeof config_page);
    this_realm.ipa_bits = config_page.ipa_bits;
    this_realm.hash = config_page.hash & 0xff;
    if (this_realm.ipa_bits < 32 || this_realm.ipa_bits > 52) return false;
    this_realm.shared_bit = std::uint64_t{1} << (this_realm.ipa_bits - 1);
    return true;
}

bool set_ipa_state(std::uint64_t base, std::uint64_t end, Ripas ripas) {
    while (base < end) {
        const Registers result = smc(kIpaStateSet, base, end, ripas, kChangeDestroyed);
        const bool accepted = result.x[0] == 0 && result.x[2] == 0;
        if (!accepted || result.x[1] <= base || result.x[1] > end) return false;
        base = result.x[1];
    }
    return true;
}

bool read_measurement(std::uint64_t index, Measurement& out) {
    const Registers result = smc(kMeasurementRead, index);
    for (std::size_t i = 0; i < 8; ++i) out.words[i] = result.x[i + 1];
    return result.x[0] == 0;
}

bool extend_measurement(std::uint64_t index, const Measurement& value, std::size_t size) {
    const auto& w = value.words;
    const Registers result =
        smc(kMeasurementExtend, index, size, w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]);
    return result.x[0] == 0;
}

std::size_t attestation_token(const std::uint64_t (&challenge)[8], void* page) {
    const auto& c = challenge;
    Registers result = smc(kTokenInit, c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]);
    if (result.x[0] != 0) return 0;
    std::size_t size = 0;
    do {
        result = smc(kTokenContinue, address_of(page), size, kGranule - size);
        if (result.x[0] != 0 && result.x[0] != kIncomplete) return 0;
        size += result.x[1];
    } while (result.x[0] == kIncomplete && size < kGranule);
    sync_caches(page, kGranule);
    return result.x[0] == 0 ? size : 0;
}

std::uint64_t rsi_host_result(std::size_t index) {
    return host_call_block.gprs[index];
}

std::int64_t rsi_host_call(std::uint64_t function, std::uint64_t a, std::uint64_t b) {
    host_call_block = HostCall{0, {function, a, b}};
    sync_caches(&host_call_block, sizeof host_call_block);
    if (smc(kHostCall, address_of(&host_call_block)).x[0] != 0) return -1;
    sync_caches(&host_call_block, sizeof host_call_block);
    return static_cast<std::int64_t>(host_call_block.gprs[0]);
}

}  // namespace guest
