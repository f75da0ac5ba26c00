#include "realm/plan/expected_rim.hpp"

namespace rvmm::realm {
namespace {

Result<> check_length(Stage stage, std::string_view who, const measure::Digest& digest,
                      measure::Hash hash) {
    if (digest.size() == measure::digest_size(hash)) return {};
    return fail(stage, "{} has {} hex digits, but the realm's hash is {}: {} digits", who,
                2 * digest.size(), to_string(hash), 2 * measure::digest_size(hash));
}

}  // namespace

Result<measure::Digest> expected_rim(const RealmParameters& parameters, std::string_view hex) {
    if (!hex.empty()) {
        const auto digest = measure::Digest::from_hex(hex);
        if (!digest)
            return fail(Stage::kUsage, "--expect-rim takes 64, 96 or 128 hex digits, not {}", hex);
        RVMM_CHECK(check_length(Stage::kUsage, "--expect-rim", *digest, parameters.hash));
        return *digest;
    }
    if (parameters.expect_rim.empty()) return measure::Digest();
    RVMM_CHECK(
        check_length(Stage::kConfig, "realm.expect_rim", parameters.expect_rim, parameters.hash));
    return parameters.expect_rim;
}

Result<> check_rim(const measure::Digest& rim, const measure::Digest& expected) {
    if (expected.empty() || rim == expected) return {};
    return std::unexpected(
        Error(Stage::kMeasurement, fmt::format("the realm measures to {}, expected is {}",
                                               to_hex(rim), to_hex(expected)))
            .with_advice(
                "rvmm explain shows what contributes, rvmm find searches for what differs"));
}

}  // namespace rvmm::realm
