#include "measure/token/platform_endorsement.hpp"

#include "measure/corim_envelope.hpp"
#include "measure/corim_form.hpp"

namespace rvmm::measure::token {
namespace {

using cbor::Value;

Value tagged_bytes(ByteSpan bytes) {
    return Value::tag(corim::kTagBytes, Value::bytes(bytes));
}

Value class_of(const PlatformClaims& claims) {
    return corim::one_entry(corim::kClassId, tagged_bytes(claims.implementation_id));
}

Value named(std::string_view name, Value values) {
    return Value::map({{Value::integer(corim::kMeasurementKey), Value::text(name)},
                       {Value::integer(corim::kMeasurementValue), std::move(values)}});
}

/// A component that says of no hash has that of the platform.
Value component_of(const SoftwareComponent& component, const std::string& platform_hash) {
    const Value digest = corim::pair_of(Value::text(component.hash.value_or(platform_hash)),
                                        Value::bytes(component.measurement));
    Value::Map values = {
        {Value::integer(corim::kValueDigests), corim::list_of(digest)},
        {Value::integer(corim::kValueKeys), corim::list_of(tagged_bytes(component.signer))}};
    if (component.version)
        values.emplace_back(Value::integer(corim::kValueVersion),
                            corim::one_entry(corim::kVersionText, Value::text(*component.version)));
    if (component.type)
        values.emplace_back(Value::integer(corim::kValueName), Value::text(*component.type));
    return named(corim::kComponentName, Value::map(std::move(values)));
}

/// All of the configuration counts.
Value config_of(const PlatformClaims& claims) {
    const Bytes mask(claims.config.size(), std::byte{0xff});
    const Value masked = Value::tag(
        corim::kTagMaskedValue, corim::pair_of(Value::bytes(claims.config), Value::bytes(mask)));
    return named(corim::kConfigName, corim::one_entry(corim::kValueRaw, masked));
}

}  // namespace

Result<Bytes> to_corim(const PlatformClaims& claims, const PublicKey& key) {
    Value::Array measurements;
    for (const SoftwareComponent& component : claims.components)
        measurements.push_back(component_of(component, claims.hash));
    measurements.push_back(config_of(claims));
    const Value reference =
        corim::pair_of(corim::one_entry(corim::kEnvironmentClass, class_of(claims)),
                       Value::array(std::move(measurements)));

    const Value instance = Value::tag(corim::kTagUeid, Value::bytes(claims.instance_id));
    const Value environment =
        Value::map({{Value::integer(corim::kEnvironmentClass), class_of(claims)},
                    {Value::integer(corim::kEnvironmentInstance), instance}});
    const Value attest_key = corim::pair_of(
        environment, corim::list_of(Value::tag(corim::kTagPkixKey, Value::text(key.to_pem()))));

    return corim::write_corim(
        kPlatformEndorsementProfile,
        Value::map({{Value::integer(corim::kTriplesReference), corim::list_of(reference)},
                    {Value::integer(corim::kTriplesAttestKey), corim::list_of(attest_key)}}));
}

}  // namespace rvmm::measure::token
