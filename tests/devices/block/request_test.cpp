#include "devices/block/request.hpp"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <gtest/gtest.h>

namespace rvmm::devices {
namespace {

using Operation = BlockRequest::Operation;
using Kind = BlockRequest::Call::Kind;

constexpr int kPunchMode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
constexpr int kZeroMode = FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE;

std::size_t bytes_of(const BlockRequest::Call& call) {
    std::size_t sum = 0;
    for (const iovec& piece : call.pieces) sum += piece.iov_len;
    return sum;
}

TEST(BlockRequest, ShortTransfers_GoOnWhereTheyStopped) {
    std::array<std::byte, 100> memory{};
    const MutableByteSpan all(memory);
    BlockRequest request;
    request.begin(Operation::kRead, 512);
    request.add_piece(all.first(40));
    request.add_piece(all.subspan(40));
    EXPECT_EQ(request.next_call().offset, 512u);
    EXPECT_FALSE(request.took(10));
    auto call = request.next_call();
    EXPECT_EQ(call.offset, 522u);
    EXPECT_EQ(call.pieces.size(), 2u);
    EXPECT_EQ(call.pieces[0].iov_base, &memory[10]);
    EXPECT_EQ(bytes_of(call), 90u);
    EXPECT_FALSE(request.took(50));
    call = request.next_call();
    EXPECT_EQ(call.offset, 572u);
    EXPECT_EQ(call.pieces.size(), 1u);
    EXPECT_EQ(call.pieces[0].iov_base, &memory[60]);
    EXPECT_TRUE(request.took(40));
    EXPECT_EQ(request.error(), 0);
}

TEST(BlockRequest, InterruptedCalls_AreMadeAgainButNotForEver) {
    std::array<std::byte, 8> memory{};
    BlockRequest request;
    request.begin(Operation::kWrite, 0);
    request.add_piece(memory);
    for (const int error : {EINTR, EAGAIN}) {
        EXPECT_FALSE(request.took(-error));
        EXPECT_EQ(bytes_of(request.next_call()), 8u);
    }
    int calls = 0;
    while (!request.took(-EAGAIN)) ASSERT_LT(++calls, 1000);
    EXPECT_EQ(request.error(), EAGAIN);
}

TEST(BlockRequest, EndOfFileAndErrors_End) {
    std::array<std::byte, 8> memory{};
    for (const auto& [result, error] :
         {std::pair(std::int64_t{0}, EIO), {-ENOSPC, ENOSPC}, {9, EIO}}) {
        BlockRequest request;
        request.begin(Operation::kRead, 0);
        request.add_piece(memory);
        EXPECT_TRUE(request.took(result));
        EXPECT_EQ(request.error(), error);
    }
}

TEST(BlockRequest, ManyPieces_AreSeveralCalls) {
    Bytes memory(3000);
    BlockRequest request;
    request.begin(Operation::kWrite, 0);
    for (std::byte& byte : memory) request.add_piece(MutableByteSpan(&byte, 1));
    std::size_t done = 0;
    for (bool end = false; !end;) {
        const auto call = request.next_call();
        ASSERT_LE(call.pieces.size(), BlockRequest::kMaxPieces);
        EXPECT_EQ(call.pieces[0].iov_base, &memory[done]);
        done += bytes_of(call);
        end = request.took(static_cast<std::int64_t>(bytes_of(call)));
    }
    EXPECT_EQ(done, memory.size());
}

TEST(BlockRequest, Discard_IsNothingWhereItCannotBe) {
    BlockRequest request;
    request.begin(Operation::kDiscard, 4096, 8192, true);
    const auto call = request.next_call();
    EXPECT_EQ(call.kind, Kind::kAllocate);
    EXPECT_EQ(call.mode, kPunchMode);
    EXPECT_EQ(call.offset, 4096u);
    EXPECT_EQ(call.length, 8192u);
    EXPECT_TRUE(request.took(-EOPNOTSUPP));
    EXPECT_EQ(request.error(), 0);
    request.begin(Operation::kDiscard, 4096, 8192);
    EXPECT_TRUE(request.took(-EIO));
    EXPECT_EQ(request.error(), EIO);
}

TEST(BlockRequest, Zeroes_AreWrittenWhereNothingElseWorks) {
    constexpr std::uint64_t kSize = (3 << 20) + 512;
    const Bytes zeroes(1 << 20);
    BlockRequest request;
    request.begin(Operation::kUnmapZeroes, 1024, kSize);
    EXPECT_EQ(request.next_call().mode, kPunchMode);
    EXPECT_FALSE(request.took(-EOPNOTSUPP));
    EXPECT_EQ(request.next_call().mode, kZeroMode);
    EXPECT_FALSE(request.took(-EINVAL));
    std::uint64_t done = 0;
    for (bool end = false; !end;) {
        const auto call = request.next_call();
        ASSERT_EQ(call.kind, Kind::kWrite);
        EXPECT_EQ(call.offset, 1024 + done);
        for (const iovec& piece : call.pieces) {
            ASSERT_LE(piece.iov_len, zeroes.size());
            ASSERT_EQ(std::memcmp(piece.iov_base, zeroes.data(), piece.iov_len), 0);
        }
        const auto moved = std::min<std::size_t>(bytes_of(call), 100'000);  // short ones
        done += moved;
        end = request.took(static_cast<std::int64_t>(moved));
    }
    EXPECT_EQ(done, kSize);
    request.begin(Operation::kWriteZeroes, 0, 512);
    EXPECT_EQ(request.next_call().mode, kZeroMode) << "it must keep its space";
}

TEST(BlockRequest, StableWrites_AreSynced) {
    std::array<std::byte, 8> memory{};
    BlockRequest request;
    request.begin(Operation::kWrite, 0, 0, true);
    request.add_piece(memory);
    EXPECT_FALSE(request.took(8));
    EXPECT_EQ(request.next_call().kind, Kind::kSync);
    EXPECT_TRUE(request.took(-EIO));
    EXPECT_EQ(request.error(), EIO);
    request.begin(Operation::kWriteZeroes, 0, 512, true);
    EXPECT_FALSE(request.took(0));
    EXPECT_EQ(request.next_call().kind, Kind::kSync);
    EXPECT_TRUE(request.took(0));
    request.begin(Operation::kRead, 0, 0, true);
    request.add_piece(memory);
    EXPECT_TRUE(request.took(8));
}

}  // namespace
}  // namespace rvmm::devices
