#include "vmm/run/console_keys.hpp"

#include <string>

#include <gtest/gtest.h>

namespace rvmm::vmm {
namespace {

struct Guest {
    std::size_t operator()(ByteSpan bytes) {
        const std::size_t taken = std::min(room, bytes.size());
        for (const std::byte b : bytes.first(taken)) text += static_cast<char>(b);
        room -= taken;
        return taken;
    }
    std::string text;
    std::size_t room = 100;
};

TEST(ConsoleKeys, Pipe_PassesEveryByte) {
    Guest guest;
    bool quit = false;
    bool power = false;
    ConsoleKeys keys(false, [&] { quit = true; }, [&] { power = true; });
    EXPECT_EQ(keys.pass(as_bytes("\x01x\x01p"), std::ref(guest)), 4u);
    EXPECT_EQ(guest.text, "\x01x\x01p");
    EXPECT_FALSE(quit || power);
}

TEST(ConsoleKeys, Terminal_QuitsOnCtrlAX) {
    Guest guest;
    bool quit = false;
    bool power = false;
    ConsoleKeys keys(true, [&] { quit = true; }, [&] { power = true; });
    EXPECT_EQ(keys.pass(as_bytes("ls\n\x01\x01"), std::ref(guest)), 5u);
    EXPECT_EQ(guest.text, "ls\n\x01");
    keys.pass(as_bytes("\x01"), std::ref(guest));
    EXPECT_FALSE(quit);
    keys.pass(as_bytes("p"), std::ref(guest));
    EXPECT_TRUE(power && !quit);
    keys.pass(as_bytes("\x01x"), std::ref(guest));
    EXPECT_TRUE(quit);
}

TEST(ConsoleKeys, FullGuest_GetsTheRestFirst) {
    Guest guest;
    guest.room = 2;
    ConsoleKeys keys(true, [] {}, [] {});
    EXPECT_EQ(keys.pass(as_bytes("abcd"), std::ref(guest)), 4u);
    EXPECT_EQ(keys.pass(as_bytes("ef"), std::ref(guest)), 2u);
    EXPECT_EQ(guest.text, "ab");
    guest.room = 100;
    EXPECT_EQ(keys.pass({}, std::ref(guest)), 0u);
    EXPECT_EQ(guest.text, "abcdef");
}

TEST(ConsoleKeys, GuestThatTakesNothing_CanBeQuit) {
    Guest guest;
    guest.room = 0;
    bool quit = false;
    ConsoleKeys keys(true, [&] { quit = true; }, [] {});
    keys.pass(as_bytes("hello?\n"), std::ref(guest));
    keys.pass(as_bytes("\x01x"), std::ref(guest));
    EXPECT_TRUE(quit);
    const std::string paste(ConsoleKeys::kKeptLimit, 'p');
    EXPECT_EQ(keys.pass(as_bytes(paste), std::ref(guest)), paste.size());
    EXPECT_EQ(keys.pass(as_bytes("more"), std::ref(guest)), 0u) << "what is kept is bounded";
}

}  // namespace
}  // namespace rvmm::vmm
