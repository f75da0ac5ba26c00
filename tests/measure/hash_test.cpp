#include "measure/hash.hpp"

#include <gtest/gtest.h>

namespace rvmm::measure {
namespace {

std::string hex_digest(Hash hash, std::initializer_list<ByteSpan> parts) {
    const auto result = digest(hash, parts);
    return result ? to_hex(*result) : result.error().message();
}

// FIPS 180-4's example "abc".
TEST(Digest, KnownText_GivesTheStandardsDigest) {
    EXPECT_EQ(hex_digest(Hash::kSha256, {as_bytes("abc")}),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(hex_digest(Hash::kSha384, {as_bytes("abc")}),
              "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
              "8086072ba1e7cc2358baeca134c825a7");
    EXPECT_EQ(hex_digest(Hash::kSha512, {as_bytes("abc")}),
              "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
              "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

TEST(Digest, Parts_AreHashedAsOneText) {
    const std::string whole = hex_digest(Hash::kSha256, {as_bytes("abc")});
    EXPECT_EQ(hex_digest(Hash::kSha256, {as_bytes("a"), {}, as_bytes("bc")}), whole);
    EXPECT_EQ(hex_digest(Hash::kSha256, {}),
              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Digest, Size_IsTheHashesOwn) {
    for (const Hash hash : {Hash::kSha256, Hash::kSha384, Hash::kSha512}) {
        const auto result = digest(hash, {});
        ASSERT_TRUE(result);
        EXPECT_EQ(result->size(), digest_size(hash)) << to_string(hash);
    }
}

}  // namespace
}  // namespace rvmm::measure
