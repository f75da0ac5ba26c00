// Both backends, on a real file.
#include "devices/block/backend.hpp"

#include <chrono>
#include <cstdio>
#include <deque>
#include <optional>

#include "devices/block/failing_backend.hpp"
#include "devices/block/image_file.hpp"
#include "devices/block/make_backend.hpp"
#include "devices/block/pool_backend.hpp"
#include "devices/block/uring_backend.hpp"

namespace rvmm::devices {
namespace {

using Operation = BlockRequest::Operation;

constexpr unsigned kDepth = 64;

class BlockBackends : public ::testing::TestWithParam<std::string_view>,
                      public BlockBackend::Client {
  protected:
    BlockBackends() {
        auto file = BlockFile::open(image.path(), BlockFile::Mode::kReadWrite);
        EXPECT_TRUE(file);
        auto shared = std::make_shared<const BlockFile>(*std::move(file));
        if (GetParam() == "io_uring") {
            auto made = UringBackend::create(loop, shared, kDepth);
            if (made)
                backend = *std::move(made);
            else
                std::printf("no io_uring here (%s): threads are tested instead\n",
                            made.error().message().c_str());
        }
        if (!backend) backend = *PoolBackend::create(loop, shared, kDepth);
        backend->set_client(*this);
    }

    void completed(std::span<BlockRequest* const> these) override {
        EXPECT_FALSE(inside);
        inside = true;
        done.insert(done.end(), these.begin(), these.end());
        if (on_completed) on_completed();
        inside = false;
    }
    BlockRequest& add(Operation operation, std::uint64_t offset, std::uint64_t length = 0) {
        requests.emplace_back().begin(operation, offset, length);
        return requests.back();
    }
    bool run(std::size_t count) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (done.size() < count && std::chrono::steady_clock::now() < deadline) {
            loop.restart();
            loop.run_one_for(std::chrono::milliseconds(20));
        }
        return done.size() == count;
    }

    ImageFile image{1 << 20};
    asio::io_context loop{1};
    std::unique_ptr<BlockBackend> backend;
    std::deque<BlockRequest> requests;
    std::vector<BlockRequest*> done;
    std::function<void()> on_completed;
    bool inside = false;
};

INSTANTIATE_TEST_SUITE_P(, BlockBackends, ::testing::Values("io_uring", "threads"),
                         [](const auto& which) { return std::string(which.param); });

TEST_P(BlockBackends, WhatIsWritten_IsRead) {
    EXPECT_EQ(backend->shape().sectors, 2048u);
    EXPECT_EQ(backend->shape().depth, kDepth);
    Bytes out(kDepth * 4096);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::byte>(i * 7 + i / 4096);
    for (unsigned i = 0; i < kDepth; ++i) {
        auto& request = add(Operation::kWrite, i * 8192);
        request.add_piece(MutableByteSpan(out).subspan(i * 4096, 1024));
        request.add_piece(MutableByteSpan(out).subspan(i * 4096 + 1024, 3072));
        backend->queue(request);
    }
    backend->submit();
    ASSERT_TRUE(run(kDepth));
    done.clear();
    Bytes in(out.size());
    for (unsigned i = 0; i < kDepth; ++i) {
        auto& request = add(Operation::kRead, i * 8192);
        request.add_piece(MutableByteSpan(in).subspan(i * 4096, 4096));
        backend->queue(request);
    }
    backend->submit();
    ASSERT_TRUE(run(kDepth));
    for (const BlockRequest* request : done) EXPECT_EQ(request->error(), 0);
    EXPECT_EQ(in, out);
}

TEST_P(BlockBackends, LargeTransfers_Work) {
    Bytes out(1 << 20, std::byte{0x5a});
    auto& write = add(Operation::kWrite, 0);
    for (std::size_t at = 0; at < out.size(); at += 512)  // 2048 pieces
        write.add_piece(MutableByteSpan(out).subspan(at, 512));
    backend->queue(write);
    backend->submit();
    ASSERT_TRUE(run(1));
    EXPECT_EQ(write.error(), 0);
    EXPECT_EQ(image.bytes(), out);
}

TEST_P(BlockBackends, FlushDiscardZeroes_Work) {
    Bytes out(1 << 20, std::byte{0x5a});
    auto& write = add(Operation::kWrite, 0);
    write.add_piece(out);
    backend->queue(write);
    backend->submit();
    ASSERT_TRUE(run(1));
    const std::pair<Operation, std::uint64_t> all[] = {{Operation::kFlush, 0},
                                                       {Operation::kDiscard, 65536},
                                                       {Operation::kUnmapZeroes, 131072},
                                                       {Operation::kWriteZeroes, 196608 + 512}};
    for (const auto& [operation, offset] : all) {
        const std::uint64_t length = operation == Operation::kFlush ? 0 : 32768;
        backend->queue(add(operation, offset, length));
        backend->submit();
    }
    ASSERT_TRUE(run(5));
    for (const BlockRequest* request : done) EXPECT_EQ(request->error(), 0);
    for (const std::size_t from : {std::size_t{131072}, std::size_t{196608 + 512}})
        std::fill_n(out.begin() + static_cast<std::ptrdiff_t>(from), 32768, std::byte{0});
    Bytes now = image.bytes();
    std::copy_n(out.begin() + 65536, 32768, now.begin() + 65536);  // whatever a discard leaves
    EXPECT_EQ(now, out);
}

TEST_P(BlockBackends, FileThatShrank_IsAnError) {
    image.resize(4096);
    Bytes in(8192);
    auto& request = add(Operation::kRead, 0);
    request.add_piece(in);
    backend->queue(request);
    backend->submit();
    ASSERT_TRUE(run(1));
    EXPECT_EQ(request.error(), EIO);
}

TEST_P(BlockBackends, Client_MayQueueFromCompleted) {
    Bytes in(512);
    auto& request = add(Operation::kRead, 0);
    request.add_piece(in);
    on_completed = [&] {
        if (done.size() == 100) return;
        request.begin(Operation::kRead, done.size() * 512);
        request.add_piece(in);
        backend->queue(request);
        backend->submit();
    };
    backend->queue(request);
    backend->submit();
    EXPECT_TRUE(run(100));
}

TEST_P(BlockBackends, Client_MayEndTheBackendFromCompleted) {
    Bytes in(512);
    auto& request = add(Operation::kRead, 0);
    request.add_piece(in);
    on_completed = [&] { backend.reset(); };
    backend->queue(request);
    backend->submit();
    EXPECT_TRUE(run(1));
    loop.restart();
    loop.poll();  // nothing of it is left there
    EXPECT_TRUE(BlockFile::open(image.path(), BlockFile::Mode::kReadWrite)) << "still locked";
}

TEST_P(BlockBackends, End_WaitsForWhatIsInFlight) {
    for (int round = 0; round < 20; ++round) {
        auto file = std::make_shared<const BlockFile>(
            *BlockFile::open(ImageFile(1 << 20).path(), BlockFile::Mode::kReadWrite));
        auto made = GetParam() == "io_uring" ? UringBackend::create(loop, file, kDepth)
                                             : PoolBackend::create(loop, file, kDepth);
        if (!made) made = PoolBackend::create(loop, file, kDepth);
        (*made)->set_client(*this);
        Bytes out(kDepth * 16384);
        for (unsigned i = 0; i < kDepth; ++i) {
            auto& request = add(i % 2 == 0 ? Operation::kWrite : Operation::kRead, i * 16384);
            request.add_piece(MutableByteSpan(out).subspan(i * 16384, 16384));
            (*made)->queue(request);
        }
        (*made)->submit();
        made->reset();
    }
    loop.restart();
    loop.poll();
}

TEST_P(BlockBackends, FailingBackend_FailsFromAMomentOn) {
    bool broken = false;
    auto failing = FailingBackend::create(loop, std::move(backend), [&] { return broken; });
    ASSERT_TRUE(failing);
    backend = *std::move(failing);
    backend->set_client(*this);
    Bytes out(512, std::byte{1});
    for (const bool now : {false, true}) {
        broken = now;
        auto& write = add(Operation::kWrite, now ? 512 : 0);
        write.add_piece(out);
        backend->queue(write);
        backend->submit();
        ASSERT_TRUE(run(now ? 2 : 1));
        EXPECT_EQ(write.error(), now ? EIO : 0);
    }
    const Bytes bytes = image.bytes();
    EXPECT_EQ(bytes[0], std::byte{1});
    EXPECT_EQ(bytes[512], std::byte{0}) << "a request that failed reached the file";
}

TEST(MakeBlockBackend, TakesTheBestThereIs) {
    const ImageFile image(512);
    asio::io_context loop{1};
    auto file = BlockFile::open(image.path(), BlockFile::Mode::kReadOnly);
    ASSERT_TRUE(file);
    const auto made = make_block_backend(loop, *std::move(file), 16);
    ASSERT_TRUE(made) << made.error().message();
    EXPECT_TRUE((*made)->shape().read_only);
    std::printf("disks here: %s\n", std::string((*made)->kind()).c_str());
}

TEST(MakeBlockBackend, WithoutIoUring_TakesThreads) {
    const ImageFile image(512);
    asio::io_context loop{1};
    auto file = BlockFile::open(image.path(), BlockFile::Mode::kReadOnly);
    ASSERT_TRUE(file);
    // More than a ring can have, so the kernel refuses one.
    const auto made = make_block_backend(loop, *std::move(file), 1U << 20);
    ASSERT_TRUE(made) << made.error().message();
    EXPECT_EQ((*made)->kind(), "threads");
}

}  // namespace
}  // namespace rvmm::devices
