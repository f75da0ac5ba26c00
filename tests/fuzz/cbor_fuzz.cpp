// Any bytes as CBOR and as a CoRIM: what is accepted is written back as it was, and what a CoRIM
// says is endorsed anew to the same effect. An even first byte stands for a good CoRIM with some
// bytes changed, which random bytes would hardly ever be.
#include <optional>

#include "input.hpp"
#include "measure/cbor.hpp"
#include "measure/endorsement.hpp"

namespace {

using namespace rvmm;
using namespace rvmm::measure;

using fuzz::changed;
using fuzz::require;

const Bytes& good_corim() {
    static const Bytes corim = [] {
        Endorsement endorsement;
        endorsement.rim = Digest(Hash::kSha256);
        endorsement.rems[2] = Digest(Hash::kSha256);
        endorsement.rpv = Bytes(64, std::byte{7});
        return *to_corim(endorsement);
    }();
    return corim;
}

void check(ByteSpan input) {
    const auto value = cbor::decode(input);
    if (value) {
        const Bytes again = cbor::encode(*value);
        require(again == Bytes(input.begin(), input.end()));
    }
    const auto endorsement = from_corim(input);
    if (!endorsement) return;
    require(value.has_value());
    const auto corim = to_corim(*endorsement);
    require(corim.has_value());
    const auto read = from_corim(*corim);
    require(read && *read == *endorsement);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteSpan input = std::as_bytes(std::span(data, size));
    if (size > 0 && data[0] % 2 == 0) check(changed(good_corim(), input.subspan(1)));
    check(input);
    return 0;
}
