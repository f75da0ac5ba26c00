// passt as a helper of ours: a real one where it is installed and can work, and fakes that fail.
#include "vmm/net/passt.hpp"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/bytes.hpp"

namespace rvmm::vmm {
namespace {

bool eventually(const std::function<bool()>& done) {
    for (int i = 0; i < 500; ++i) {
        if (done()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
}

/// The next `size` bytes of a socket; fewer at its end or after 5 s without any.
std::string read_bytes(int fd, std::size_t size) {
    std::string bytes(size, '\0');
    std::size_t done = 0;
    pollfd entry = {fd, POLLIN, 0};
    while (done < size && ::poll(&entry, 1, 5000) == 1) {
        const ssize_t n = ::read(fd, bytes.data() + done, size - done);
        if (n <= 0) break;
        done += static_cast<std::size_t>(n);
    }
    bytes.resize(done);
    return bytes;
}

class PasstHelper : public ::testing::Test {
  protected:
    PasstHelper() {
        std::string name = (std::filesystem::temp_directory_path() / "rvmm-passt-XXXXXX").string();
        folder = ::mkdtemp(name.data());
        if (const char* path = std::getenv("PATH")) path_ = path;
    }
    ~PasstHelper() override {
        ::setenv("PATH", path_.c_str(), 1);
        std::filesystem::remove_all(folder);
    }
    /// A program of that name, the only one on PATH.
    void fake(const std::string& script) {
        const auto file = folder / "passt";
        std::ofstream(file) << "#!/bin/sh\n" << script;
        std::filesystem::permissions(file, std::filesystem::perms::owner_all);
        ::setenv("PATH", folder.c_str(), 1);
    }

    std::filesystem::path folder;

  private:
    std::string path_;
};

TEST_F(PasstHelper, NotInstalled_SaysSo) {
    ::setenv("PATH", folder.c_str(), 1);
    const auto passt = Passt::start();
    ASSERT_FALSE(passt);
    EXPECT_EQ(passt.error().stage(), Stage::kHostCannot);
    EXPECT_NE(passt.error().advice().find("install passt"), std::string::npos);
}

TEST_F(PasstHelper, Options_FollowTheSocketAndNothingElseIsInherited) {
    const UniqueFd leaked(::dup(0));  // without close-on-exec
    fake(
        "[ \"$1 $2 $3\" = '--foreground --quiet --fd' ] || exit 1\n"
        "eval \"echo socket >&$4\"\n"
        "for a; do last=$a; done\n"
        "eval \"echo $last >&$4\"\n"
        "[ -e /proc/self/fd/" +
        std::to_string(leaked.get()) +
        " ] && echo leak\n"
        "read nothing || exit 0\n");
    const std::vector<std::string> options = {"-t", "8080:80"};
    auto passt = Passt::start(options);
    ASSERT_TRUE(passt) << passt.error().message();
    const UniqueFd socket = passt->take_socket();
    EXPECT_EQ(read_bytes(socket.get(), 100), "socket\n8080:80\n");
    ASSERT_TRUE(eventually([&] { return !passt->check(); }));
}

TEST_F(PasstHelper, OneThatFails_IsToldWithWhatItSaid) {
    fake(
        "echo 'Failed to send 31 bytes to syslog' >&2\n"
        "echo 'External interface not usable' >&2\n"
        "echo 'Failed to send 7 bytes to syslog' >&2\n"
        "exit 1\n");
    auto passt = Passt::start();
    ASSERT_TRUE(passt);
    Result<> checked;
    ASSERT_TRUE(eventually([&] { return !(checked = passt->check()); }));
    EXPECT_EQ(checked.error().message(), "passt has ended: External interface not usable");
    EXPECT_EQ(checked.error().stage(), Stage::kHostCannot);
}

TEST_F(PasstHelper, OneThatTalksWithoutEnd_HoldsNobodyUp) {
    fake(
        "i=0\nwhile [ $i -lt 3000 ]; do echo 'a line of some forty characters, or so' >&2\n"
        "i=$((i+1)); done 2>/dev/null\nexit 1\n");
    auto passt = Passt::start();
    ASSERT_TRUE(passt);
    EXPECT_TRUE(eventually([&] { return !passt->check(); }));
}

TEST_F(PasstHelper, EndOfTheObject_EndsTheProcess) {
    fake("echo $$ >\"${0%/*}/pid\"\nexec /bin/sleep 1000\n");
    int pid = 0;
    {
        auto passt = Passt::start();
        ASSERT_TRUE(passt);
        ASSERT_TRUE(eventually([&] { return (std::ifstream(folder / "pid") >> pid) && pid > 0; }));
        EXPECT_EQ(::kill(pid, 0), 0);
        EXPECT_TRUE(passt->check());
    }
    EXPECT_NE(::kill(pid, 0), 0);
}

TEST_F(PasstHelper, FiftyTimes_LeavesNothingBehind) {
    fake("exec /bin/sleep 1000\n");
    const auto descriptors = [] {
        std::size_t count = 0;
        for ([[maybe_unused]] const auto& entry :
             std::filesystem::directory_iterator("/proc/self/fd"))
            ++count;
        return count;
    };
    const std::size_t before = descriptors();
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(Passt::start());
    EXPECT_EQ(descriptors(), before);
    EXPECT_LT(::waitpid(-1, nullptr, WNOHANG), 0) << "no child is left";
}

TEST_F(PasstHelper, RealOne_AnswersArpAndEndsWithItsSocket) {
    if (find_program("passt").empty()) GTEST_SKIP() << "passt is not installed";
    auto passt = Passt::start();
    ASSERT_TRUE(passt) << passt.error().message();
    UniqueFd socket = passt->take_socket();
    // Who has 10.0.0.1? passt answers for any address but the guest's.
    const Bytes request = *from_hex(
        "0000002a"
        "ffffffffffff5254001234560806"
        "0001080006040001"
        "525400123456"
        "0a000002"
        "000000000000"
        "0a000001");
    ASSERT_EQ(::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
    // passt writes the frame's length and the frame one after the other.
    const std::string answer = read_bytes(socket.get(), request.size());
    if (answer.empty()) {
        const auto checked = passt->check();
        GTEST_SKIP() << (checked ? "no answer" : checked.error().message());
    }
    EXPECT_EQ(answer.size(), request.size());
    EXPECT_EQ(to_hex(as_bytes(answer)).substr(0, 20), "0000002a525400123456");
    EXPECT_TRUE(passt->check());
    socket.reset();
    EXPECT_TRUE(eventually([&] { return !passt->check(); }));
}

TEST_F(PasstHelper, SocketOfOneThatRuns_IsConnectedTo) {
    const std::string path = (folder / "socket").string();
    const auto none = connect_to_passt(path);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().stage(), Stage::kHostCannot);
    EXPECT_EQ(none.error().advice(), "start it: passt --socket " + path);
    EXPECT_FALSE(connect_to_passt(std::string(200, 'x')));
    EXPECT_FALSE(connect_to_passt(""));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    const UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_FALSE(connect_to_passt(path)) << "nobody listens";
    ASSERT_EQ(::listen(listener.get(), 1), 0);
    EXPECT_TRUE(connect_to_passt(path));
}

}  // namespace
}  // namespace rvmm::vmm
