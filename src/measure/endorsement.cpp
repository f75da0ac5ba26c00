#include "measure/endorsement.hpp"

#include <algorithm>
#include <string_view>

#include <nlohmann/json.hpp>
#include <openssl/evp.h>

#include "measure/corim_envelope.hpp"
#include "measure/corim_form.hpp"

namespace rvmm::measure {
namespace {

using cbor::Value;
using nlohmann::ordered_json;

Value measurement(std::string_view name, std::int64_t kind, Value content) {
    Value::Map entries;
    entries.emplace_back(Value::integer(corim::kMeasurementKey), Value::text(name));
    entries.emplace_back(Value::integer(corim::kMeasurementValue),
                         corim::one_entry(kind, std::move(content)));
    return Value::map(std::move(entries));
}

Value digest_measurement(std::string_view name, Hash hash, const Digest& digest) {
    Value entry =
        corim::pair_of(Value::number(corim::algorithm_id(hash)), Value::bytes(digest.bytes()));
    return measurement(name, corim::kValueDigests, corim::list_of(std::move(entry)));
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
    Value environment = corim::one_entry(corim::kEnvironmentClass,
                                         corim::one_entry(corim::kClassId, std::move(rim)));
    Value triple = corim::pair_of(std::move(environment), Value::array(std::move(measurements)));
    return corim::one_entry(corim::kTriplesReference, corim::list_of(std::move(triple)));
}

std::string uuid_text(const corim::Uuid& uuid) {
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
    return corim::write_corim(kRealmProfile, triples(endorsement));
}

Result<CocliTemplates> to_cocli(const Endorsement& endorsement) {
    RVMM_CHECK(check(endorsement));
    RVMM_TRY(const corim::Identifiers ids, corim::identifiers(kRealmProfile, triples(endorsement)));
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
