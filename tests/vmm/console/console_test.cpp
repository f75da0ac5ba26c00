#include "vmm/console/console.hpp"

#include <array>
#include <string>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace rvmm::vmm {
namespace {

struct Pipe {
    Pipe() {
        int fds[2];
        EXPECT_EQ(::pipe(fds), 0);
        reader.reset(fds[0]);
        writer.reset(fds[1]);
    }
    std::string read_available() const {
        std::string text(1 << 20, '\0');
        ::fcntl(reader.get(), F_SETFL, O_NONBLOCK);
        std::size_t size = 0;
        for (ssize_t n = 0; (n = ::read(reader.get(), text.data() + size, text.size() - size)) > 0;)
            size += static_cast<std::size_t>(n);
        text.resize(size);
        return text;
    }
    UniqueFd reader;
    UniqueFd writer;
};

/// Says so much that no more is taken: bytes.
std::size_t fill(ConsoleOutput& console, asio::io_context& loop) {
    const std::string chunk(4000, 'c');
    std::size_t said = 0;
    while (said < (10 << 20) && console.put(as_bytes(chunk))) {
        said += chunk.size();
        loop.poll();
        loop.restart();
    }
    return said;
}

TEST(ConsoleOutput, Bytes_ComeOutInOrder) {
    asio::io_context loop(1);
    const Pipe pipe;
    ConsoleOutput console(loop, pipe.writer.get());
    EXPECT_TRUE(console.put(as_bytes("hello ")));
    EXPECT_TRUE(console.put(as_bytes("world")));
    loop.poll();
    EXPECT_EQ(pipe.read_available(), "hello world");
}

TEST(ConsoleOutput, LastWords_ReachAReaderThatIsSlow) {
    asio::io_context loop(1);
    Pipe pipe;
    ConsoleOutput console(loop, pipe.writer.get());
    // Some is in the pipe, some is being written, some waits for that.
    const std::size_t said = fill(console, loop);
    std::size_t seen = 0;
    std::thread reader([&] {
        std::array<char, 4096> buffer;
        while (seen < said) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
            const ssize_t n = ::read(pipe.reader.get(), buffer.data(), buffer.size());
            if (n <= 0) break;
            seen += static_cast<std::size_t>(n);
        }
    });
    console.finish();
    pipe.writer.reset();
    reader.join();
    EXPECT_EQ(seen, said);
}

TEST(ConsoleOutput, LastWords_AreSeenByTheTapWhereNobodyReads) {
    asio::io_context loop(1);
    const Pipe pipe;
    ConsoleOutput console(loop, pipe.writer.get());
    std::size_t tapped = 0;
    console.set_tap([&](ByteSpan bytes) { tapped += bytes.size(); });
    const std::size_t said = fill(console, loop);
    console.finish();
    EXPECT_EQ(tapped, said);
}

TEST(ConsoleOutput, SlowReader_IsWaitedForWithBoundedMemory) {
    asio::io_context loop(1);
    const Pipe pipe;
    ConsoleOutput console(loop, pipe.writer.get());
    bool drained = false;
    console.set_drained([&] { drained = true; });
    const std::size_t accepted = fill(console, loop);
    EXPECT_LT(accepted, 512u << 10) << "a reader that does not read stops the writer";
    std::size_t seen = 0;
    for (int round = 0; round < 100 && !drained; ++round) {
        seen += pipe.read_available().size();
        loop.restart();
        loop.run_one_for(std::chrono::milliseconds(20));
    }
    EXPECT_TRUE(drained);
    EXPECT_EQ(seen + pipe.read_available().size(), accepted);
}

TEST(ConsoleOutput, ReaderThatIsGone_IsNoError) {
    ::signal(SIGPIPE, SIG_IGN);
    asio::io_context loop(1);
    Pipe pipe;
    ConsoleOutput console(loop, pipe.writer.get());
    pipe.reader.reset();
    EXPECT_TRUE(console.put(as_bytes("nobody reads this")));
    loop.poll();
    EXPECT_TRUE(console.put(as_bytes("nor this")));
    console.finish();
}

TEST(ConsoleOutput, RegularFile_NeedsNoWaiting) {
    asio::io_context loop(1);
    const std::string path = ::testing::TempDir() + "rvmm-console-" + std::to_string(::getpid());
    UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600));
    {
        ConsoleOutput console(loop, file.get());
        EXPECT_TRUE(console.put(as_bytes("in a file")));
        console.finish();
    }
    char text[16] = {};
    EXPECT_EQ(::pread(file.get(), text, sizeof text, 0), 9);
    ::unlink(path.c_str());
}

TEST(ConsoleInput, Refused_BytesComeAgainAfterResume) {
    asio::io_context loop(1);
    const Pipe pipe;
    std::string guest;
    std::size_t room = 3;
    ConsoleInput input(loop, pipe.reader.get(), [&](ByteSpan bytes) {
        const std::size_t taken = std::min(room, bytes.size());
        for (const std::byte b : bytes.first(taken)) guest += static_cast<char>(b);
        room -= taken;
        return taken;
    });
    ASSERT_EQ(::write(pipe.writer.get(), "abcdef", 6), 6);
    for (int i = 0; i < 4; ++i) loop.run_one_for(std::chrono::milliseconds(20));
    EXPECT_EQ(guest, "abc");
    room = 10;
    input.resume();
    EXPECT_EQ(guest, "abcdef");
}

}  // namespace
}  // namespace rvmm::vmm
