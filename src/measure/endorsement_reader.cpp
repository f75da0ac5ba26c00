#include <algorithm>
#include <array>
#include <string_view>

#include "measure/cbor.hpp"
#include "measure/corim_form.hpp"
#include "measure/endorsement.hpp"

namespace rvmm::measure {
namespace {

using cbor::Value;

std::unexpected<Error> wrong(std::string_view why) {
    return fail(Stage::kImage, "it is no CoRIM of a realm: {}", why);
}

// The content of `map` at `key`, if it is a map of that one entry; nullptr otherwise.
const Value* only(const Value* map, std::int64_t key) {
    const Value* const content = map != nullptr ? map->find(key) : nullptr;
    return content != nullptr && map->as_map()->size() == 1 ? content : nullptr;
}

// The only item of an array; nullptr if `array` is anything else.
const Value* only_item(const Value* array) {
    const Value::Array* const items = array != nullptr ? array->as_array() : nullptr;
    return items != nullptr && items->size() == 1 ? items->data() : nullptr;
}

// The items of an array of two; nullptr if `array` is anything else.
const Value* two_items(const Value* array) {
    const Value::Array* const items = array != nullptr ? array->as_array() : nullptr;
    return items != nullptr && items->size() == 2 ? items->data() : nullptr;
}

const Value* tagged(const Value* value, std::uint64_t tag) {
    return value != nullptr ? value->as_tag(tag) : nullptr;
}

const Bytes* tagged_bytes(const Value* value, std::uint64_t tag) {
    const Value* const content = tagged(value, tag);
    return content != nullptr ? content->as_bytes() : nullptr;
}

// The encoded comid within a CoRIM.
Result<Bytes> comid_of(const Value& corim) {
    const Value* const map = corim.as_tag(corim::kTagCorim);
    if (map == nullptr || map->as_map() == nullptr) return wrong("tag 501 of a map is expected");
    const Value* const profile = tagged(map->find(corim::kCorimProfile), corim::kTagUri);
    if (profile == nullptr || profile->as_text() == nullptr || *profile->as_text() != kRealmProfile)
        return fail(Stage::kImage, "it is no CoRIM of a realm: its profile is not {}",
                    kRealmProfile);
    const Bytes* const comid =
        tagged_bytes(only_item(map->find(corim::kCorimTags)), corim::kTagComid);
    if (comid == nullptr) return wrong("exactly one comid (tag 506) is expected in it");
    return *comid;
}

// [[algorithm, digest]], of an algorithm that realms have.
Result<Digest> digest_of(const Value* digests) {
    const Value* const entry = two_items(only_item(digests));
    const Bytes* const bytes = entry != nullptr ? entry[1].as_bytes() : nullptr;
    if (bytes == nullptr) return wrong("a measurement is not exactly one digest");
    for (const Hash hash : {Hash::kSha256, Hash::kSha384, Hash::kSha512}) {
        if (entry[0].as_number() != corim::algorithm_id(hash)) continue;
        if (bytes->size() != digest_size(hash)) return wrong("a digest is not of its hash's size");
        return *Digest::from(*bytes);
    }
    return wrong("a digest is neither of SHA-256 (1), SHA-384 (7) nor SHA-512 (8)");
}

// Where `endorsement` has the measurement `name`; nullptr if that is no REM.
std::optional<Digest>* rem_named(Endorsement& endorsement, std::string_view name) {
    const auto* const found = std::ranges::find(corim::kRemNames, name);
    if (found == corim::kRemNames.end()) return nullptr;
    return &endorsement.rems[static_cast<std::size_t>(found - corim::kRemNames.begin())];
}

Result<> take_rpv(const Value* value, Endorsement& endorsement) {
    const Bytes* const rpv = tagged_bytes(only(value, corim::kValueRaw), corim::kTagBytes);
    if (rpv == nullptr || rpv->empty() || rpv->size() > kMaxRpvSize)
        return wrong("cca.rpv is not a raw value (tag 560) of 1 to 64 bytes");
    if (endorsement.rpv) return wrong("it has cca.rpv twice");
    endorsement.rpv = *rpv;
    return {};
}

Result<> take_digest(std::string_view name, const Value* value, Endorsement& endorsement) {
    std::optional<Digest>* const rem = rem_named(endorsement, name);
    if (rem == nullptr && name != corim::kRimName)
        return wrong("it has a measurement that no realm has");
    RVMM_TRY(const Digest digest, digest_of(only(value, corim::kValueDigests)));
    if (rem == nullptr ? !endorsement.rim.empty() : rem->has_value())
        return fail(Stage::kImage, "it is no CoRIM of a realm: it has {} twice", name);
    if (rem == nullptr)
        endorsement.rim = digest;
    else
        *rem = digest;
    return {};
}

Result<> take_measurement(const Value& measurement, Endorsement& endorsement) {
    const Value* const key = measurement.find(corim::kMeasurementKey);
    const Value* const value = measurement.find(corim::kMeasurementValue);
    const std::string* const name = key != nullptr ? key->as_text() : nullptr;
    if (name == nullptr || value == nullptr || measurement.as_map()->size() != 2)
        return wrong("a measurement is not a name and a value");
    if (*name == corim::kRpvName) return take_rpv(value, endorsement);
    return take_digest(*name, value, endorsement);
}

// The hash of all digests, which is the RIM's.
Result<> settle_hash(Endorsement& endorsement) {
    for (const Hash hash : {Hash::kSha256, Hash::kSha384, Hash::kSha512})
        if (digest_size(hash) == endorsement.rim.size()) endorsement.hash = hash;
    for (const auto& rem : endorsement.rems)
        if (rem && rem->size() != endorsement.rim.size())
            return wrong("its measurements are not all of one hash");
    return {};
}

}  // namespace

Result<Endorsement> from_corim(ByteSpan corim) {
    auto outer = cbor::decode(corim);
    if (!outer) return std::unexpected(std::move(outer).error().with_context("it is no CoRIM"));
    RVMM_TRY(const Bytes comid_bytes, comid_of(*outer));
    auto comid = cbor::decode(comid_bytes);
    if (!comid)
        return std::unexpected(std::move(comid).error().with_context("its comid is damaged"));

    const Value* const triples = comid->find(corim::kComidTriples);
    const Value* const references =
        triples != nullptr ? triples->find(corim::kTriplesReference) : nullptr;
    const Value* const triple = two_items(only_item(references));
    if (triple == nullptr) return wrong("exactly one reference triple is expected in it");
    const Bytes* const rim = tagged_bytes(
        only(only(&triple[0], corim::kEnvironmentClass), corim::kClassId), corim::kTagBytes);
    const Value::Array* const measurements = triple[1].as_array();
    if (rim == nullptr) return wrong("its environment is not a class named by its RIM (tag 560)");
    if (measurements == nullptr) return wrong("its measurements are not an array");

    Endorsement endorsement;
    for (const Value& measurement : *measurements)
        RVMM_CHECK(take_measurement(measurement, endorsement));
    if (endorsement.rim.empty()) return wrong("it has no cca.rim");
    if (!std::ranges::equal(endorsement.rim.bytes(), *rim))
        return wrong("its class is not named by its cca.rim");
    RVMM_CHECK(settle_hash(endorsement));
    return endorsement;
}

}  // namespace rvmm::measure
