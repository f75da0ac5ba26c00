// The host's side of vsock: the CONNECT line, the socket file, clients that say nothing.
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "devices/virtio/vsock_bench.hpp"

namespace rvmm::devices::virtio {
namespace {

using ::testing::HasSubstr;

TEST(VsockConnectLine, Ports_AreDecimalNumbers) {
    EXPECT_EQ(parse_vsock_connect("CONNECT 52"), 52u);
    EXPECT_EQ(parse_vsock_connect("connect 4294967295\r"), UINT32_MAX);
    EXPECT_EQ(parse_vsock_connect(" Connect \t 0 "), 0u);
    for (const char* bad : {"", "CONNECT", "CONNECT ", "CONNECT52", "CONNEC 52", "CONNECTS 52",
                            "CONNECT 4294967296", "CONNECT -1", "CONNECT +1", "CONNECT 0x10",
                            "CONNECT 1.0", "CONNECT 1 2", "CONNECT 52a", "GET / HTTP/1.1"})
        EXPECT_FALSE(parse_vsock_connect(bad)) << bad;
    EXPECT_FALSE(parse_vsock_connect(std::string_view("CONNECT 52\0", 11)));
}

TEST(VsockConnectLine, Pieces_MakeALine_AndWhatFollowsStays) {
    VsockConnectLine line;
    EXPECT_EQ(line.take(as_bytes("CONN")), 4u);
    EXPECT_EQ(line.state(), VsockConnectLine::State::kMore);
    EXPECT_EQ(line.take(as_bytes("ECT 7\nrest")), 6u);
    EXPECT_EQ(line.state(), VsockConnectLine::State::kPort);
    EXPECT_EQ(line.port(), 7u);
}

TEST(VsockConnectLine, LongLine_IsBad) {
    VsockConnectLine line;
    EXPECT_EQ(line.take(as_bytes(std::string(100, ' '))), VsockConnectLine::kMax);
    EXPECT_EQ(line.state(), VsockConnectLine::State::kBad);
}

class VsockFile : public ::testing::Test {
  protected:
    void expect_refused(const std::filesystem::path& path, std::string_view why) {
        const auto made = VsockSocketFile::listen(path);
        ASSERT_FALSE(made);
        EXPECT_EQ(made.error().stage(), Stage::kHostCannot);
        EXPECT_THAT(made.error().message(), HasSubstr(path.native()));
        EXPECT_THAT(made.error().message(), HasSubstr(std::string(why)));
    }
    SocketFolder folder;
};

TEST_F(VsockFile, Mode_IsTheUsersAlone_WhateverTheUmask) {
    const mode_t before = ::umask(0);
    const auto file = VsockSocketFile::listen(folder / "v");
    ::umask(before);
    ASSERT_TRUE(file) << file.error().message();
    struct stat status = {};
    ASSERT_EQ(::lstat((folder / "v").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0600u);
    EXPECT_TRUE(VsockSocketFile::dial(folder / "v"));
}

TEST_F(VsockFile, Name_GoesWithTheSocket_UnlessItIsAnothers) {
    {
        const auto file = VsockSocketFile::listen(folder / "v");
    }
    EXPECT_FALSE(std::filesystem::exists(std::filesystem::symlink_status(folder / "v")));
    {
        const auto file = VsockSocketFile::listen(folder / "v");
        std::filesystem::remove(folder / "v");
        std::ofstream(folder / "v") << "another's";
    }
    EXPECT_TRUE(std::filesystem::is_regular_file(folder / "v"));
}

TEST_F(VsockFile, StaleSocket_IsReplaced) {
    {
        const auto file = VsockSocketFile::listen(folder / "v");
        std::filesystem::create_hard_link(folder / "v", folder / "stale");
    }
    const auto file = VsockSocketFile::listen(folder / "stale");
    ASSERT_TRUE(file) << file.error().message();
    EXPECT_TRUE(VsockSocketFile::dial(folder / "stale"));
}

TEST_F(VsockFile, WhatIsThere_StaysAndIsNamed) {
    std::ofstream(folder / "file") << "precious";
    expect_refused(folder / "file", "not a socket");
    EXPECT_EQ(std::filesystem::file_size(folder / "file"), 8u);
    std::filesystem::create_directory(folder / "folder");
    expect_refused(folder / "folder", "not a socket");
    std::filesystem::create_symlink(folder / "nowhere", folder / "link");
    expect_refused(folder / "link", "not a socket");
    const auto file = VsockSocketFile::listen(folder / "v");
    expect_refused(folder / "v", "somebody listens");
    EXPECT_TRUE(VsockSocketFile::dial(folder / "v"));
    expect_refused(folder / "none" / "v", "No such file");
}

TEST_F(VsockFile, Paths_HaveTheirLimits) {
    const std::string longest(VsockSocketFile::kMaxPath - (folder / "").native().size(), 'x');
    EXPECT_TRUE(VsockSocketFile::listen(folder / longest));
    for (const auto& path : {folder / (longest + "x"), std::filesystem::path()}) {
        const auto made = VsockSocketFile::listen(path);
        ASSERT_FALSE(made);
        EXPECT_EQ(made.error().stage(), Stage::kConfig);
    }
    asio::io_context loop;
    const auto host = VsockUnixHost::create(loop, folder / longest.substr(10));
    ASSERT_FALSE(host);
    EXPECT_THAT(host.error().message(), HasSubstr("at most 96 bytes, not 97"));
    EXPECT_TRUE(VsockUnixHost::create(loop, folder / longest.substr(11)));
}

TEST(VsockCreate, ReservedCids_AreRefused) {
    SocketFolder folder;
    asio::io_context loop;
    for (const std::uint32_t cid : {0U, 1U, 2U, UINT32_MAX}) {
        const auto made = Vsock::create(loop, "vsock0", cid, folder / "v");
        ASSERT_FALSE(made);
        EXPECT_EQ(made.error().stage(), Stage::kConfig);
    }
    EXPECT_TRUE(Vsock::create(loop, "vsock0", 3, folder / "v"));
    EXPECT_TRUE(Vsock::create(loop, "vsock0", 3, folder / "v")) << "the name went with the device";
}

class SilentClients : public ::testing::Test, protected VsockHost::Clients {
  protected:
    void open(VsockPatience patience) {
        auto made = VsockUnixHost::create(loop, folder / "v", patience);
        ASSERT_TRUE(made) << made.error().message();
        host = *std::move(made);
        host->open(*this);
    }
    HostSocket connect() {
        auto client = HostSocket::connect(folder / "v");
        run(1);
        return client;
    }
    void run(int milliseconds) {
        loop.restart();
        loop.run_for(std::chrono::milliseconds(milliseconds));
    }
    static bool ended(HostSocket& client) {
        client.poll();
        return client.ended();
    }
    void asked(VsockHost::Socket socket, std::uint32_t port) override {
        ports.push_back(port);
        sockets.push_back(std::move(socket));
    }

    SocketFolder folder;
    asio::io_context loop;
    std::shared_ptr<VsockUnixHost> host;
    std::vector<std::uint32_t> ports;
    std::vector<VsockHost::Socket> sockets;
};

TEST_F(SilentClients, AreSentAwayInTime) {
    open({.client = std::chrono::milliseconds(50)});
    auto silent = connect();
    auto slow = connect();
    slow.send("CONNECT 5");
    run(10);
    EXPECT_FALSE(ended(silent));
    run(100);
    EXPECT_TRUE(ended(silent));
    EXPECT_TRUE(ended(slow));
    EXPECT_TRUE(ports.empty());
}

TEST_F(SilentClients, DoNotKeepOthersOut) {
    open({.client = std::chrono::seconds(100), .clients = 8});
    std::vector<HostSocket> silent;
    silent.reserve(50);
    for (int i = 0; i < 50; ++i) silent.push_back(connect());
    auto honest = connect();
    honest.send("CONNECT 52\n");
    run(5);
    EXPECT_EQ(ports, std::vector<std::uint32_t>{52});
    EXPECT_FALSE(ended(honest));
    EXPECT_EQ(std::ranges::count_if(silent, ended), 43);
}

TEST_F(SilentClients, BadOnes_AreSentAwayAtOnce) {
    open({});
    for (const std::string& line : {std::string("HELLO\n"), std::string("CONNECT x\n"),
                                    std::string(33, 'x'), std::string("\n")}) {
        auto client = connect();
        client.send(line);
        run(5);
        EXPECT_TRUE(ended(client)) << line;
    }
    auto gone = connect();
    gone.send("CONN");
    gone.close();
    run(5);
    EXPECT_TRUE(ports.empty());
}

TEST_F(SilentClients, Close_SendsThemAway_AndOpenHearsTheNext) {
    open({});
    auto before = connect();
    host->close();
    EXPECT_TRUE(ended(before));
    auto between = connect();
    between.send("CONNECT 9\n");
    run(5);
    EXPECT_FALSE(ended(between));
    EXPECT_TRUE(ports.empty());
    host->open(*this);
    run(5);
    EXPECT_EQ(ports, std::vector<std::uint32_t>{9});
}

}  // namespace
}  // namespace rvmm::devices::virtio
