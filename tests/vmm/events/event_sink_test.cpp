#include "vmm/events/event_sink.hpp"

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace rvmm::vmm {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class EventSinkTest : public ::testing::Test {
  protected:
    EventSinkTest()
        : folder_(fs::path(::testing::TempDir()) / ("rvmm-sink-" + std::to_string(::getpid()))) {
        fs::create_directory(folder_);
        ::signal(SIGPIPE, SIG_IGN);  // as rvmm does
    }
    ~EventSinkTest() override { fs::remove_all(folder_); }

    static std::string descriptor(int fd) { return "fd:" + std::to_string(fd); }
    /// Both ends of a pipe.
    static std::array<UniqueFd, 2> pipe() {
        std::array<int, 2> ends = {};
        EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
        return {UniqueFd(ends[0]), UniqueFd(ends[1])};
    }
    static EventSink open(const std::string& target) {
        auto sink = EventSink::open(target);
        EXPECT_TRUE(sink) << sink.error().message();
        return *std::move(sink);
    }
    static std::string why_not(const std::string& target) {
        const auto sink = EventSink::open(target);
        if (sink) return "opened";
        EXPECT_EQ(sink.error().stage(), Stage::kUsage);
        return sink.error().message();
    }
    static std::string read_some(int fd) {
        std::string text(4096, '\0');
        const ssize_t size = ::read(fd, text.data(), text.size());
        text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
        return text;
    }
    std::string contents(const char* name) const {
        std::ifstream file(folder_ / name);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    fs::path folder_;
};

TEST_F(EventSinkTest, NewFile_HasEachLineAtOnce) {
    auto sink = open(folder_ / "events");
    EXPECT_TRUE(sink.put("one\n"));
    EXPECT_EQ(contents("events"), "one\n");
    EXPECT_TRUE(sink.put("two\n"));
    EXPECT_TRUE(sink.finish(0ms));
    EXPECT_EQ(contents("events"), "one\ntwo\n");
}

TEST_F(EventSinkTest, FileThatIsThere_IsLeftAsItIs) {
    std::ofstream(folder_ / "events") << "mine";
    EXPECT_NE(why_not(folder_ / "events").find("File exists"), std::string::npos);
    EXPECT_EQ(contents("events"), "mine");
    EXPECT_NE(why_not(folder_ / "no" / "folder").find("No such file"), std::string::npos);
}

TEST_F(EventSinkTest, Descriptor_IsCopiedIfItCanBeWrittenTo) {
    auto [out, in] = pipe();
    {
        auto sink = open(descriptor(in.get()));
        EXPECT_TRUE(sink.put("one\n"));
    }
    EXPECT_EQ(read_some(out.get()), "one\n");
    EXPECT_GE(::fcntl(in.get(), F_GETFD), 0);
    EXPECT_NE(why_not(descriptor(out.get())).find("not open for writing"), std::string::npos);
    for (const char* wrong : {"fd:", "fd:x", "fd:-1", "fd:99999999999", "fd:1048575"})
        EXPECT_NE(why_not(wrong), "opened") << wrong;
}

TEST_F(EventSinkTest, DescriptorThatIsNone_IsKnownBeforeItIsOpened) {
    EXPECT_TRUE(EventSink::check_descriptor("events"));
    EXPECT_TRUE(EventSink::check_descriptor("fd:1"));
    EXPECT_FALSE(EventSink::check_descriptor("fd:999"));
    EXPECT_FALSE(EventSink::check_descriptor("fd:x"));
}

TEST_F(EventSinkTest, Fifo_NeedsAReader) {
    const std::string path = folder_ / "fifo";
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    EXPECT_EQ(why_not(path), "nobody reads the FIFO " + path);
    const UniqueFd reader(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    auto sink = open(path);
    EXPECT_TRUE(sink.put("one\n"));
    EXPECT_EQ(read_some(reader.get()), "one\n");
}

TEST_F(EventSinkTest, ReaderThatHasGone_IsToldNoMore) {
    auto [out, in] = pipe();
    auto sink = open(descriptor(in.get()));
    out.reset();
    EXPECT_FALSE(sink.put("one\n"));
    EXPECT_FALSE(sink.put("two\n"));
    EXPECT_FALSE(sink.finish(0ms));
}

TEST_F(EventSinkTest, FullDisk_IsToldNoMore) {
    auto sink =
        EventSink::open("fd:" + std::to_string(UniqueFd(::open("/dev/full", O_WRONLY)).release()));
    ASSERT_TRUE(sink);
    EXPECT_FALSE(sink->put("one\n"));
}

// A pipe holds 64 KiB; the rest waits in the sink, and nothing waits for the reader.
TEST_F(EventSinkTest, SlowReader_GetsEverythingInTheEnd) {
    auto [out, in] = pipe();
    auto sink = open(descriptor(in.get()));
    const std::string line = std::string(999, 'e') + "\n";
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(sink.put(line));
    std::string got;
    std::thread reader([&, fd = out.get()] {
        while (got.size() < 200 * line.size()) got += read_some(fd);
    });
    EXPECT_TRUE(sink.finish(60s));
    reader.join();
    EXPECT_EQ(got.size(), 200 * line.size());
}

TEST_F(EventSinkTest, ReaderThatNeverReads_IsGivenUp) {
    auto [out, in] = pipe();
    auto sink = open(descriptor(in.get()));
    const std::string line(10'000, 'e');
    std::size_t taken = 0;
    while (sink.put(line)) taken += line.size();
    EXPECT_GE(taken, EventSink::kMaxPending);
    EXPECT_LT(taken, EventSink::kMaxPending + 200'000);
    EXPECT_FALSE(sink.finish(0ms));
}

TEST_F(EventSinkTest, EndWithoutReader_WaitsOnlySoLong) {
    auto [out, in] = pipe();
    auto sink = open(descriptor(in.get()));
    ASSERT_TRUE(sink.put(std::string(100'000, 'e')));
    EXPECT_FALSE(sink.finish(20ms));
}

}  // namespace
}  // namespace rvmm::vmm
