#include "measure/token/emulated_platform.hpp"

#include <algorithm>
#include <string_view>

namespace rvmm::measure::token {
namespace {

constexpr std::string_view kImplementation = "rvmm emulated, no CCA platform";
static_assert(kImplementation.size() <= kImplementationIdSize);
constexpr std::string_view kInstance = "rvmm emulated, any machine";
constexpr std::string_view kConfig = "emulated";
constexpr std::string_view kComponent = "rvmm software RMM (emulated)";
// Debug of what is not the platform's root of trust; the low byte is ours.
constexpr std::uint16_t kLifecycle = 0x40ee;

Bytes padded(std::string_view text, std::size_t size) {
    Bytes bytes(size);
    std::ranges::copy(as_bytes(text), bytes.begin());
    return bytes;
}

}  // namespace

Bytes emulated_implementation_id() {
    return padded(kImplementation, kImplementationIdSize);
}

bool is_emulated(const PlatformClaims& platform) {
    const auto is_ours = [](const SoftwareComponent& component) {
        return component.type == kComponent;
    };
    return platform.implementation_id == emulated_implementation_id() ||
           std::ranges::any_of(platform.components, is_ours);
}

PlatformClaims emulated_platform() {
    PlatformClaims claims;
    claims.implementation_id = emulated_implementation_id();
    claims.instance_id = {std::byte{1}};
    const Bytes instance = padded(kInstance, kInstanceIdSize - 1);
    claims.instance_id.insert(claims.instance_id.end(), instance.begin(), instance.end());
    claims.config = padded(kConfig, kConfig.size());
    claims.lifecycle = kLifecycle;
    // Nothing was measured: zeros, by nobody.
    claims.components = {{.type = std::string(kComponent),
                          .measurement = Bytes(digest_size(Hash::kSha256)),
                          .version = {},
                          .signer = Bytes(digest_size(Hash::kSha256)),
                          .hash = std::string(claim_text(Hash::kSha256)),
                          .others = {}}};
    return claims;
}

Result<PrivateKey> test_key() {
    // Its number is the SHA-384 of these words, so that nobody need wonder where it comes from.
    RVMM_TRY(
        const Digest number,
        digest(Hash::kSha384, {as_bytes("rvmm: published test key of emulated platforms, 1")}));
    return PrivateKey::from_number(Curve::kP384, number.bytes());
}

}  // namespace rvmm::measure::token
