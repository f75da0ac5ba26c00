// What goes wrong with taps, as one line and a remedy; and, where the machine lets us, a real one.
#include "vmm/net/tap.hpp"

#include <array>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/unique_fd.hpp"

namespace rvmm::vmm {
namespace {

/// A tap of our own, for as long as it lives; nothing where there is no permission to make one.
UniqueFd make_tap(const std::string& name, unsigned flags) {
    UniqueFd fd(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
    ifreq request = {};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_flags = static_cast<short>(flags);
    if (!fd || ::ioctl(fd.get(), TUNSETIFF, &request) != 0) return {};
    return fd;
}

void set_up(const std::string& name) {
    const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request = {};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_flags = IFF_UP;
    ASSERT_EQ(::ioctl(socket.get(), SIOCSIFFLAGS, &request), 0);
}

void send_from_host(const std::string& name, std::string_view frame) {
    const UniqueFd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    sockaddr_ll to = {};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(::if_nametoindex(name.c_str()));
    to.sll_halen = 6;
    EXPECT_EQ(::sendto(socket.get(), frame.data(), frame.size(), 0,
                       reinterpret_cast<const sockaddr*>(&to), sizeof(to)),
              static_cast<ssize_t>(frame.size()));
}

/// Whether `frame` is among the packets that there are: the host has some of its own.
bool receive_until(devices::NetBackend& backend, std::string_view frame) {
    std::array<char, 12> header = {};
    std::string room(devices::NetBackend::kMaxFrame, '\0');
    const std::array<iovec, 2> pieces = {
        {{header.data(), header.size()}, {room.data(), room.size()}}};
    while (const auto size = backend.receive(pieces))
        if (std::string_view(room).substr(0, *size - header.size()) == frame) return true;
    return false;
}

class Tap : public ::testing::Test {
  protected:
    asio::io_context loop{1};
    std::string name = "rvt" + std::to_string(::getpid() % 100'000);
};

TEST_F(Tap, NameOfNoInterface_SaysHowToMakeOne) {
    for (const char* wrong : {"rvmm-none", "a-name-that-is-far-too-long", ""}) {
        const auto opened = open_tap(loop, wrong, 1);
        ASSERT_FALSE(opened);
        EXPECT_EQ(opened.error().stage(), Stage::kHostCannot);
        EXPECT_EQ(opened.error().message().find('\n'), std::string::npos);
        EXPECT_FALSE(opened.error().advice().empty());
        if (::access("/dev/net/tun", R_OK | W_OK) == 0) {
            EXPECT_EQ(opened.error().message(), "there is no tap " + std::string(wrong));
        }
    }
}

TEST_F(Tap, DescriptorThatIsNone_IsRefused) {
    std::array<int, 2> pair = {-1, -1};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair.data()), 0);
    const UniqueFd first(pair[0]);
    const UniqueFd second(pair[1]);
    for (const int fd : {first.get(), 4321, -1}) {
        const auto adopted = adopt_tap(loop, std::span(&fd, 1));
        ASSERT_FALSE(adopted);
        EXPECT_EQ(adopted.error().message(), fmt::format("descriptor {} is not a tap", fd));
        EXPECT_EQ(adopted.error().stage(), Stage::kHostCannot);
    }
}

TEST_F(Tap, RealOne_SendsAndReceives) {
    const UniqueFd maker = make_tap(name, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE);
    if (!maker) GTEST_SKIP() << "no permission to make a tap";
    set_up(name);
    auto queues = open_tap(loop, name, 2);
    ASSERT_TRUE(queues) << queues.error().message();
    ASSERT_EQ(queues->size(), 2u);
    devices::NetBackend& backend = *(*queues)[0];
    EXPECT_TRUE(backend.has_headers());
    EXPECT_TRUE(backend.offloads().checksum && backend.offloads().tso4);
    backend.set_offloads({.checksum = true, .tso4 = true});
    ifreq detach = {};
    detach.ifr_flags = IFF_DETACH_QUEUE;
    ASSERT_EQ(::ioctl(maker.get(), TUNSETQUEUE, &detach), 0);
    (*queues)[1]->attach(false);  // so that all comes to the first
    const std::string sent = std::string("\xff\xff\xff\xff\xff\xff\2rvmm!\x88\xb5", 14) +
                             std::string(1000, 'x');  // a local experimental EtherType
    send_from_host(name, sent);
    EXPECT_TRUE(receive_until(backend, sent));
    (*queues)[1]->attach(true);
    std::array<char, 12 + 60> packet = {};
    packet[12] = 2;  // to another station: the host takes no notice
    const iovec piece = {packet.data(), packet.size()};
    EXPECT_EQ(backend.send(std::span(&piece, 1)), devices::NetBackend::Sent::kDone);
    const iovec runt = {packet.data(), 20};
    EXPECT_EQ(backend.send(std::span(&runt, 1)), devices::NetBackend::Sent::kDropped);
}

TEST_F(Tap, ForOneQueueOnly_IsInUseAndNotForSeveral) {
    UniqueFd maker = make_tap(name, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
    if (!maker) GTEST_SKIP() << "no permission to make a tap";
    const auto busy = open_tap(loop, name, 1);
    ASSERT_FALSE(busy);
    EXPECT_EQ(busy.error().message(), fmt::format("tap {} is in use", name));
    const auto several = open_tap(loop, name, 2);
    ASSERT_FALSE(several);
    EXPECT_EQ(several.error().message(),
              fmt::format("tap {} is not made for several queues", name));
    EXPECT_NE(several.error().advice().find("multi_queue"), std::string::npos);
    const int fd = maker.get();
    auto adopted = adopt_tap(loop, std::span(&fd, 1));
    ASSERT_TRUE(adopted) << adopted.error().message();
    EXPECT_TRUE((*adopted)[0]->has_headers());
}

TEST_F(Tap, MadeForSeveralQueues_TakesOneAsWell) {
    const UniqueFd maker = make_tap(name, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE);
    if (!maker) GTEST_SKIP() << "no permission to make a tap";
    EXPECT_TRUE(open_tap(loop, name, 1));
}

TEST_F(Tap, InterfaceThatIsNone_IsSaidToBeNone) {
    if (!make_tap(name, IFF_TAP | IFF_NO_PI)) GTEST_SKIP() << "no permission to make a tap";
    const auto opened = open_tap(loop, "lo", 1);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().message(), "lo is not a tap");
    const UniqueFd with_info = make_tap(name, IFF_TAP);
    const int fd = with_info.get();
    const auto adopted = adopt_tap(loop, std::span(&fd, 1));
    ASSERT_FALSE(adopted);
    EXPECT_NE(adopted.error().advice().find("IFF_NO_PI"), std::string::npos);
}

}  // namespace
}  // namespace rvmm::vmm
