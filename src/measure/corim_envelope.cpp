#include "measure/corim_envelope.hpp"

#include <algorithm>

#include "measure/corim_form.hpp"

namespace rvmm::measure::corim {
namespace {

using cbor::Value;

Result<Uuid> uuid_of(std::string_view profile, std::string_view purpose, ByteSpan content) {
    RVMM_TRY(const Digest digest,
             digest(Hash::kSha256, {as_bytes(profile), as_bytes(purpose), content}));
    Uuid uuid{};
    std::ranges::copy(digest.bytes().first(uuid.size()), uuid.begin());
    uuid[6] = (uuid[6] & std::byte{0x0f}) | std::byte{0x80};  // version 8
    uuid[8] = (uuid[8] & std::byte{0x3f}) | std::byte{0x80};  // RFC 9562's variant
    return uuid;
}

}  // namespace

Value one_entry(std::int64_t key, Value content) {
    Value::Map entries;
    entries.emplace_back(Value::integer(key), std::move(content));
    return Value::map(std::move(entries));
}

Value pair_of(Value first, Value second) {
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

Result<Identifiers> identifiers(std::string_view profile, const Value& triples) {
    const Bytes content = cbor::encode(triples);
    RVMM_TRY(const Uuid corim, uuid_of(profile, " corim-id ", content));
    RVMM_TRY(const Uuid comid, uuid_of(profile, " tag-id ", content));
    return Identifiers{corim, comid};
}

Result<Bytes> write_corim(std::string_view profile, Value triples) {
    RVMM_TRY(const Identifiers ids, identifiers(profile, triples));
    Value::Map comid;
    comid.emplace_back(Value::integer(kComidTagIdentity),
                       one_entry(kTagIdentityId, Value::bytes(ids.comid)));
    comid.emplace_back(Value::integer(kComidTriples), std::move(triples));
    const Bytes comid_bytes = cbor::encode(Value::map(std::move(comid)));

    Value::Map map;
    map.emplace_back(Value::integer(kCorimId), Value::bytes(ids.corim));
    map.emplace_back(Value::integer(kCorimTags),
                     list_of(Value::tag(kTagComid, Value::bytes(comid_bytes))));
    map.emplace_back(Value::integer(kCorimProfile), Value::tag(kTagUri, Value::text(profile)));
    return cbor::encode(Value::tag(kTagCorim, Value::map(std::move(map))));
}

}  // namespace rvmm::measure::corim
