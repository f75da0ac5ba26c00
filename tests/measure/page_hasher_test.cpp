#include "measure/page_hasher.hpp"

#include <gtest/gtest.h>

namespace rvmm::measure {
namespace {

Bytes numbered_pages(std::size_t count, std::size_t page_size, unsigned seed) {
    Bytes pages(count * page_size);
    for (std::size_t i = 0; i < count; ++i)
        store_le<std::uint64_t>(MutableByteSpan(pages).subspan(i * page_size), seed * 100'000 + i);
    return pages;
}

std::vector<Digest> one_by_one(Hash hash, const std::vector<Bytes>& runs, std::size_t page_size) {
    std::vector<Digest> digests;
    for (const Bytes& run : runs)
        for (std::size_t at = 0; at < run.size(); at += page_size)
            digests.push_back(*digest(hash, {ByteSpan(run).subspan(at, page_size)}));
    return digests;
}

TEST(PageHasher, AnyRunsAndThreads_GiveTheDigestsInOrder) {
    const std::vector<std::vector<std::size_t>> shapes = {
        {1}, {64}, {65}, {}, {0, 3, 0}, {1, 1, 1}, {700, 2, 129, 64, 1000}};
    for (const std::size_t page_size : {4096U, 16384U})
        for (const auto& shape : shapes)
            for (const unsigned threads : {0U, 1U, 2U, 7U}) {
                std::vector<Bytes> runs;
                unsigned seed = 0;
                for (const std::size_t pages : shape)
                    runs.push_back(numbered_pages(pages, page_size, ++seed));
                const auto expected = one_by_one(Hash::kSha384, runs, page_size);
                PageHasher hasher(Hash::kSha384, {runs.begin(), runs.end()}, page_size, threads);
                std::vector<Digest> got;
                while (got.size() < expected.size()) {
                    const auto chunk = hasher.next();
                    ASSERT_TRUE(chunk) << chunk.error().message();
                    ASSERT_FALSE(chunk->empty());
                    got.insert(got.end(), chunk->begin(), chunk->end());
                }
                EXPECT_EQ(got, expected);
                EXPECT_FALSE(hasher.next());
            }
}

TEST(PageHasher, GivenUpHalfWay_EndsItsThreads) {
    const Bytes run = numbered_pages(2000, 4096, 1);
    for (int i = 0; i < 50; ++i) {
        PageHasher hasher(Hash::kSha256, {run}, 4096, 4);
        ASSERT_TRUE(hasher.next());
    }
}

}  // namespace
}  // namespace rvmm::measure
