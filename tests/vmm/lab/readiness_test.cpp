#include "vmm/lab/readiness.hpp"

#include <array>
#include <csignal>
#include <thread>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/unique_fd.hpp"

namespace rvmm::vmm::lab {
namespace {

struct Pipe {
    Pipe() {
        std::array<int, 2> fds = {-1, -1};
        EXPECT_EQ(::pipe2(fds.data(), O_CLOEXEC), 0);
        from.reset(fds[0]);
        to.reset(fds[1]);
    }
    UniqueFd from;
    UniqueFd to;
};

bool is_blocking(int fd) {
    return (::fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
}

/// Copies all of `from` to `to`; returns how much it was.
std::size_t copy(int from, int to) {
    asio::io_context io;
    auto input = SharedInput::create(io.get_executor(), from);
    auto output = SharedOutput::create(io.get_executor(), to);
    EXPECT_TRUE(input && output);
    std::size_t total = 0;
    asio::co_spawn(
        io,
        [](SharedInput& in, SharedOutput& out, std::size_t& sum) -> asio::awaitable<void> {
            std::array<std::byte, 65536> buffer;
            while (const std::size_t size = co_await in.read(buffer)) {
                if (!co_await out.write(ByteSpan(buffer.data(), size))) co_return;
                sum += size;
            }
        }(*input, *output, total),
        asio::detached);
    io.run();
    return total;
}

TEST(SharedStreams, Pipes_AreCopiedWholeAndStayBlocking) {
    constexpr std::size_t kTotal = 3'000'000;
    Pipe in;
    Pipe out;
    std::thread writer([&] {
        const Bytes bytes(kTotal, std::byte{'x'});
        for (std::size_t done = 0; done < kTotal;)
            done +=
                static_cast<std::size_t>(::write(in.to.get(), bytes.data() + done, kTotal - done));
        in.to.reset();
    });
    std::size_t received = 0;
    std::thread reader([&] {
        Bytes bytes(100'000);
        while (true) {
            const ssize_t size = ::read(out.from.get(), bytes.data(), bytes.size());
            if (size <= 0) return;
            received += static_cast<std::size_t>(size);
        }
    });
    EXPECT_EQ(copy(in.from.get(), out.to.get()), kTotal);
    EXPECT_TRUE(is_blocking(in.from.get()));
    EXPECT_TRUE(is_blocking(out.to.get()));
    out.to.reset();
    writer.join();
    reader.join();
    EXPECT_EQ(received, kTotal);
}

TEST(SharedStreams, RegularFiles_AreAlwaysReady) {
    const UniqueFd in(::memfd_create("in", MFD_CLOEXEC));
    const UniqueFd out(::memfd_create("out", MFD_CLOEXEC));
    const Bytes bytes(200'000, std::byte{'y'});
    ASSERT_EQ(::write(in.get(), bytes.data(), bytes.size()), 200'000);
    ASSERT_EQ(::lseek(in.get(), 0, SEEK_SET), 0);
    EXPECT_EQ(copy(in.get(), out.get()), bytes.size());
    EXPECT_EQ(::lseek(out.get(), 0, SEEK_END), 200'000);
}

TEST(SharedStreams, DescriptorThatIsNotOpen_IsAtItsEnd) {
    constexpr int kNotOpen = 1'000'000;
    const Pipe pipe;
    EXPECT_EQ(copy(kNotOpen, pipe.to.get()), 0U);
}

TEST(SharedStreams, NobodyReads_WriteSaysSo) {
    Pipe in;
    Pipe out;
    ASSERT_EQ(::write(in.to.get(), "x", 1), 1);
    out.from.reset();
    const auto before = std::signal(SIGPIPE, SIG_IGN);
    EXPECT_EQ(copy(in.from.get(), out.to.get()), 0U);
    std::signal(SIGPIPE, before);
}

}  // namespace
}  // namespace rvmm::vmm::lab
