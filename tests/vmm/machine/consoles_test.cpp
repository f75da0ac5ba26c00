// Where the bytes of the UART and of virtio-console's ports go and come from.
#include "vmm/machine/consoles.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "devices/virtio/device_bench.hpp"

namespace rvmm::vmm {
namespace {

using devices::virtio::DeviceBench;
using devices::virtio::kPartWrite;
using Port = realm::ConsolePort;

constexpr std::uint64_t kSeveralPorts = devices::virtio::Console::kMultiport;
constexpr std::size_t kInPage = 8;
constexpr std::size_t kOutPage = 32;

/// A driver without MULTIPORT: port 0 is open as soon as it runs.
class ConsolesTest : public ::testing::Test {
  protected:
    ConsolesTest() {
        int fds[2];
        EXPECT_EQ(::pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
        reader.reset(fds[0]);
        const UniqueFd writer(fds[1]);
        stdio.emplace(bench.loop, writer.get());
        consoles.emplace(bench.loop, *stdio);
        consoles->set_input_wanted([this] { ++wanted; });
    }
    ~ConsolesTest() override {
        if (attached) bench.reset();
        std::filesystem::remove(file);
    }

    void make_serial(bool on_stdio = true) {
        using Mode = realm::SerialSpec::Mode;
        serial =
            consoles->make_serial({.mode = on_stdio ? Mode::kStdio : Mode::kNone}, [](bool) {});
    }
    void make_ports(Port::Mode mode) {
        Port port{.name = "console0", .mode = mode};
        if (mode == Port::Mode::kFile) port.path = file;
        auto made = consoles->make_ports("console0", {{port}});
        ASSERT_TRUE(made) << made.error().message();
        ports = *std::move(made);
        bench.attach(ports);
        attached = true;
    }
    void start() { bench.start(kSeveralPorts); }

    std::size_t type(std::string_view text) { return consoles->type(as_bytes(text)); }
    /// What the guest reads from the UART.
    std::string typed_on_uart() {
        std::string text;
        while ((uart(5) & 1) != 0) text += static_cast<char>(uart(0));
        return text;
    }
    std::uint8_t uart(std::uint64_t reg) {
        std::array<std::byte, 1> byte{};
        serial->read(reg, byte);
        return std::to_integer<std::uint8_t>(byte[0]);
    }
    bool uart_is_empty() { return (uart(5) & 0x20) != 0; }
    void write_uart(char c) { serial->write(0, as_bytes(std::string_view(&c, 1))); }

    /// Buffers of 64 bytes for input, in all descriptors.
    void offer_input() {
        for (std::uint16_t i = 0; i < DeviceBench::kQueueSize; ++i)
            bench.queue(0).offer(i, {{DeviceBench::address(kInPage, 64UL * i), 64, kPartWrite}});
        bench.kick(0);
    }
    /// What came in them; each is offered again.
    std::string typed_on_port() {
        std::string text;
        for (const auto& [id, length] : bench.queue(0).used()) {
            const std::uint64_t at = DeviceBench::address(kInPage, 64UL * id);
            text += bench.text(at, length);
            bench.queue(0).offer(static_cast<std::uint16_t>(id), {{at, 64, kPartWrite}});
        }
        bench.kick(0);
        return text;
    }
    void offer_output(std::uint16_t slot, std::string_view text) {
        const std::uint64_t at = DeviceBench::address(kOutPage + slot);
        bench.put(at, text);
        bench.queue(1).offer(slot, {{at, static_cast<std::uint32_t>(text.size())}});
    }

    std::string read_stdout(std::size_t most = 1 << 20) const {
        std::string text(most, '\0');
        const ssize_t n = ::read(reader.get(), text.data(), text.size());
        text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
        return text;
    }
    std::string file_text() const {
        std::ifstream stream(file, std::ios::binary);
        return {std::istreambuf_iterator<char>(stream), {}};
    }

    const std::filesystem::path file = std::filesystem::path(::testing::TempDir()) /
                                       ("rvmm-consoles-" + std::to_string(::getpid()));
    DeviceBench bench;  // and the loop
    UniqueFd reader;    // of our standard output
    std::optional<ConsoleOutput> stdio;
    std::optional<Consoles> consoles;
    std::shared_ptr<devices::Serial16550> serial;
    std::shared_ptr<devices::virtio::Console> ports;
    unsigned wanted = 0;
    bool attached = false;
};

TEST_F(ConsolesTest, TypedBytes_AreForTheUartUntilThePortIsOpen) {
    make_serial();
    make_ports(Port::Mode::kStdio);
    EXPECT_EQ(type("early"), 5u);
    EXPECT_EQ(typed_on_uart(), "early");
    start();
    offer_input();
    EXPECT_EQ(type("late"), 4u);
    EXPECT_EQ(typed_on_port(), "late");
    EXPECT_EQ(typed_on_uart(), "");
    bench.reset();
    EXPECT_EQ(type("again"), 5u);
    EXPECT_EQ(typed_on_uart(), "again");
}

TEST_F(ConsolesTest, PortAlone_IsWaitedFor) {
    make_serial(false);
    make_ports(Port::Mode::kStdio);
    EXPECT_EQ(type("x"), 0u);
    start();
    EXPECT_GE(wanted, 1u) << "the port is open";
    offer_input();
    EXPECT_EQ(type("x"), 1u);
    EXPECT_EQ(typed_on_port(), "x");
}

TEST_F(ConsolesTest, NoConsoleOnStdio_TakesAndDropsEverything) {
    make_serial(false);
    make_ports(Port::Mode::kNone);
    EXPECT_EQ(type("nobody"), 6u);
    start();
    offer_input();
    EXPECT_EQ(type("nobody"), 6u);
    EXPECT_EQ(typed_on_port(), "");
    EXPECT_EQ(typed_on_uart(), "");
}

TEST_F(ConsolesTest, FullUart_AsksForMore) {
    make_serial();
    const std::string text(2000, 't');
    const std::size_t taken = type(text);
    EXPECT_LT(taken, text.size());
    EXPECT_EQ(typed_on_uart().size(), taken);
    bench.settle();
    EXPECT_EQ(wanted, 1u);
    EXPECT_GT(type(std::string_view(text).substr(taken)), 0u);
}

TEST_F(ConsolesTest, Pipe_ReachesThePortWholeAndInOrder) {
    make_serial();
    make_ports(Port::Mode::kStdio);
    start();
    std::string text;
    while (text.size() < 40'000) text += std::to_string(text.size()) + "\n";
    int fds[2];
    ASSERT_EQ(::pipe2(fds, O_CLOEXEC), 0);
    const UniqueFd from(fds[0]);
    UniqueFd to(fds[1]);
    ASSERT_EQ(::write(to.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    to.reset();
    ConsoleInput input(bench.loop, from.get(),
                       [&](ByteSpan bytes) { return consoles->type(bytes); });
    consoles->set_input_wanted([&] { input.resume(); });
    bench.settle();
    offer_input();  // not before there is more than the port keeps
    std::string got;
    EXPECT_TRUE(bench.run_until([&] {
        got += typed_on_port();
        return got.size() >= text.size();
    }));
    EXPECT_EQ(got, text);
    EXPECT_EQ(typed_on_uart(), "");
    consoles->set_input_wanted({});
}

// The UART's bytes are digits, the port's letters, so that each one's order is seen in the mixture.
TEST_F(ConsolesTest, SlowReader_LosesNothingOfEither) {
    constexpr std::size_t kEach = 150'000;
    make_serial();
    make_ports(Port::Mode::kStdio);
    start();
    std::string digits, letters, seen;
    while (letters.size() < kEach) letters += static_cast<char>('a' + letters.size() % 26);
    std::size_t offered = 0;
    std::uint16_t free_slots = DeviceBench::kQueueSize;
    std::uint16_t slot = 0;
    bool refused = false;
    const bool done = bench.run_until([&] {
        for (int i = 0; i < 20'000 && digits.size() < kEach && uart_is_empty(); ++i) {
            digits += static_cast<char>('0' + digits.size() % 10);
            write_uart(digits.back());
        }
        refused |= !uart_is_empty();
        for (; free_slots > 0 && offered < kEach; --free_slots) {
            const std::string piece = letters.substr(offered, 3000);
            offer_output(slot, piece);
            slot = static_cast<std::uint16_t>((slot + 1) % DeviceBench::kQueueSize);
            offered += piece.size();
        }
        bench.kick(1);
        free_slots = static_cast<std::uint16_t>(free_slots + bench.queue(1).used().size());
        seen += read_stdout(8000);
        return seen.size() >= 2 * kEach;
    });
    EXPECT_TRUE(done) << seen.size();
    EXPECT_TRUE(refused) << "the reader was not slow";
    std::string seen_digits, seen_letters;
    for (const char c : seen) (c <= '9' ? seen_digits : seen_letters) += c;
    EXPECT_EQ(seen_digits, digits);
    EXPECT_EQ(seen_letters, letters);
}

TEST_F(ConsolesTest, File_GetsEverythingByTheEnd) {
    make_serial();
    make_ports(Port::Mode::kFile);
    start();
    offer_output(0, "first ");
    bench.kick(1);
    offer_output(1, "last");
    ports->output_drained(0);  // taken, and the loop does not run any more
    consoles->finish();
    EXPECT_EQ(file_text(), "first last");
    EXPECT_EQ(read_stdout(), "");
    EXPECT_EQ(type("for the UART"), 12u);
    EXPECT_EQ(typed_on_uart(), "for the UART");
    bench.reset();  // what is left on the loop is done while there are consoles
    consoles.reset();
    EXPECT_EQ(file_text(), "first last") << "it stays after a run";
}

TEST_F(ConsolesTest, FileThatIsThere_IsRefusedAndKept) {
    std::ofstream(file) << "precious";
    const realm::ConsoleSpec spec{{{.name = "log", .mode = Port::Mode::kFile, .path = file}}};
    const auto made = consoles->make_ports("log", spec);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().stage(), Stage::kUsage);
    EXPECT_THAT(made.error().message(), ::testing::HasSubstr("File exists"));
    EXPECT_THAT(made.error().advice(), ::testing::HasSubstr("nothing is overwritten"));
    consoles.reset();
    EXPECT_EQ(file_text(), "precious");
}

TEST_F(ConsolesTest, FileInNoFolder_SaysSo) {
    const realm::ConsoleSpec spec{
        {{.name = "log", .mode = Port::Mode::kFile, .path = file / "in" / "it"}}};
    const auto made = consoles->make_ports("log", spec);
    ASSERT_FALSE(made);
    EXPECT_THAT(made.error().advice(), ::testing::HasSubstr("folder"));
}

TEST_F(ConsolesTest, LaunchThatFails_LeavesNoFile) {
    make_ports(Port::Mode::kFile);
    EXPECT_TRUE(std::filesystem::exists(file));
    ports.reset();
    consoles.reset();
    EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(ConsolesTest, None_TakesOutputAtOnce) {
    make_serial(false);
    make_ports(Port::Mode::kNone);
    start();
    for (int i = 0; i < 200'000; ++i) {
        ASSERT_TRUE(uart_is_empty());
        write_uart('x');
    }
    for (std::uint16_t slot = 0; slot < DeviceBench::kQueueSize; ++slot)
        offer_output(slot, std::string(4096, 'y'));
    bench.kick(1);
    EXPECT_EQ(bench.queue(1).used().size(), DeviceBench::kQueueSize);
    bench.settle();
    EXPECT_EQ(read_stdout(), "");
}

}  // namespace
}  // namespace rvmm::vmm
