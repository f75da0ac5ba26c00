#include "measure/endorsement.hpp"

#include <algorithm>
#include <span>
#include <string_view>

#include <nlohmann/json.hpp>
#include <openssl/evp.h>

#include "measure/cbor.hpp"
#include "measure/corim_form.hpp"

namespace rvmm::measure {
namespace {

using cbor::Value;
using nlohmann::ordered_json;

Value one_entry(std::int64_t key, Value content) {
    Value::Map entries;
    entries.emplace_back(Value::integer(key), std::move(content));
    return Value::map(std::move(entries));
}

Value pair(Value first, Value second) {
    Value::Array items;
    items.push_back(std::move(first));
    items.push_back(std::move(second));
    return Value::array(std::move(items));
}

Value list_of(Value item) {
    Value::Array items;
    items.push_back(std::move(item));
    return Value::array(std::move(items));
}

Value measurement(std::string_view name, std::int64_t kind, Value content) {
    Value::Map entries;
    entries.emplace_back(Value::integer(corim::kMeasurementKey), Value::text(name));
    entries.emplace_back(Value::integer(corim::kMeasurementValue),
                         one_entry(kind, std::move(content)));
    return Value::map(std::move(entries));
}

Value digest_measurement(std::string_view name, Hash hash, const Digest& digest) {
    Value entry = pair(Value::number(corim::algorithm_id(hash)), Value::bytes(digest.bytes()));
    return measurement(name, corim::kValueDigests, list_of(std::move(entry)));
}

// The triples map: all that the endorsement says, and what its identifiers are made from.
Value triples(const Endorsement& e) {
    Value::Array measurements;
    measurements.push_back(digest_measurement(corim::kRimName, e.hash, e.rim));
    for (std::size_t i = 0; i < e.rems.size(); ++i)
        if (e.rems[i])
            measurements.push_back(digest_measurement(corim::kRemNames[i], e.hash, *e.rems[i]));
    if (e.rpv) {
        Value raw = Value::tag(corim::kTagBytes, Value::bytes(*e.rpv));
        measurements.push_back(measurement(corim::kRpvName, corim::kValueRaw, std::move(raw)));
    }
    Value rim = Value::tag(corim::kTagBytes, Value::bytes(e.rim.bytes()));
    Value environment =
        one_entry(corim::kEnvironmentClass, one_entry(corim::kClassId, std::move(rim)));
    Value triple = pair(std::move(environment), Value::array(std::move(measurements)));
    return one_entry(corim::kTriplesReference, list_of(std::move(triple)));
}

using Uuid = std::array<std::byte, 16>;

Result<Uuid> uuid_of(std::string_view purpose, ByteSpan content) {
    RVMM_TRY(const Digest digest,
             digest(Hash::kSha256, {as_bytes(kRealmProfile), as_bytes(purpose), content}));
    Uuid uuid{};
    std::ranges::copy(digest.bytes().first(uuid.size()), uuid.begin());
    uuid[6] = (uuid[6] & std::byte{0x0f}) | std::byte{0x80};  // version 8
    uuid[8] = (uuid[8] & std::byte{0x3f}) | std::byte{0x80};  // RFC 9562's variant
    return uuid;
}

struct Identifiers {
    Uuid corim;
    Uuid comid;
};

Result<Identifiers> identifiers(const Value& triples) {
    const Bytes content = cbor::encode(triples);
    RVMM_TRY(const Uuid corim, uuid_of(" corim-id ", content));
    RVMM_TRY(const Uuid comid, uuid_of(" tag-id ", content));
    return Identifiers{corim, comid};
}

std::string uuid_text(const Uuid& uuid) {
    std::string text = rvmm::to_hex(uuid);
    for (const unsigned dash : {8U, 13U, 18U, 23U}) text.insert(dash, 1, '-');
    return text;
}

Result<> check(const Endorsement& e) {
    const std::size_t size = digest_size(e.hash);
    const bool rems_fit =
        std::ranges::all_of(e.rems, [&](const auto& rem) { return !rem || rem->size() == size; });
    if (e.rim.size() != size || !rems_fit)
        return fail(Stage::kInternal, "an endorsed {} measurement has {} bytes", to_string(e.hash),
                    size);
    if (e.rpv && (e.rpv->empty() || e.rpv->size() > kMaxRpvSize))
        return fail(Stage::kInternal, "an endorsed RPV has 1 to {} bytes", kMaxRpvSize);
    return {};
}

std::string base64(ByteSpan bytes) {
    std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');  // OpenSSL ends it with a zero
    const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(size));
    return text;
}

std::string base64url(ByteSpan bytes) {
    std::string text = base64(bytes);
    std::ranges::replace(text, '+', '-');
    std::ranges::replace(text, '/', '_');
    text.resize(std::min(text.size(), text.find('=')));
    return text;
}

ordered_json typed(std::string_view type, std::string value) {
    return {{"type", type}, {"value", std::move(value)}};
}

ordered_json json_measurement(std::string_view name, ordered_json value) {
    return {{"key", typed("string", std::string(name))}, {"value", std::move(value)}};
}

ordered_json json_digest(std::string_view name, Hash hash, const Digest& digest) {
    auto entry = ordered_json::array({corim::algorithm_id(hash), base64url(digest.bytes())});
    return json_measurement(name, {{"digests", ordered_json::array({std::move(entry)})}});
}

ordered_json json_measurements(const Endorsement& e) {
    auto list = ordered_json::array({json_digest(corim::kRimName, e.hash, e.rim)});
    for (std::size_t i = 0; i < e.rems.size(); ++i)
        if (e.rems[i]) list.push_back(json_digest(corim::kRemNames[i], e.hash, *e.rems[i]));
    if (e.rpv)
        list.push_back(
            json_measurement(corim::kRpvName, {{"raw-value", typed("bytes", base64(*e.rpv))}}));
    return list;
}

}  // namespace

Result<Bytes> to_corim(const Endorsement& endorsement) {
    RVMM_CHECK(check(endorsement));
    Value content = triples(endorsement);
    RVMM_TRY(const Identifiers ids, identifiers(content));

    Value::Map comid;
    comid.emplace_back(Value::integer(corim::kComidTagIdentity),
                       one_entry(corim::kTagIdentityId, Value::bytes(ids.comid)));
    comid.emplace_back(Value::integer(corim::kComidTriples), std::move(content));
    const Bytes comid_bytes = cbor::encode(Value::map(std::move(comid)));

    Value::Map map;
    map.emplace_back(Value::integer(corim::kCorimId), Value::bytes(ids.corim));
    map.emplace_back(Value::integer(corim::kCorimTags),
                     list_of(Value::tag(corim::kTagComid, Value::bytes(comid_bytes))));
    map.emplace_back(Value::integer(corim::kCorimProfile),
                     Value::tag(corim::kTagUri, Value::text(kRealmProfile)));
    return cbor::encode(Value::tag(corim::kTagCorim, Value::map(std::move(map))));
}

Result<CocliTemplates> to_cocli(const Endorsement& endorsement) {
    RVMM_CHECK(check(endorsement));
    RVMM_TRY(const Identifiers ids, identifiers(triples(endorsement)));
    const ordered_json environment = {
        {"class", {{"id", typed("bytes", base64(endorsement.rim.bytes()))}}}};
    ordered_json triple = {{"environment", environment},
                           {"measurements", json_measurements(endorsement)}};
    const ordered_json comid = {
        {"tag-identity", {{"id", uuid_text(ids.comid)}}},
        {"triples", {{"reference-values", ordered_json::array({std::move(triple)})}}}};
    const ordered_json corim = {{"corim-id", uuid_text(ids.corim)},
                                {"profile", typed("uri", std::string(kRealmProfile))}};
    return CocliTemplates{comid.dump(2) + "\n", corim.dump(2) + "\n"};
}

}  // namespace rvmm::measure
