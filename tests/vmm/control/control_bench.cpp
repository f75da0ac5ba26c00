#include "vmm/control/control_bench.hpp"

#include <array>
#include <cerrno>
#include <ctime>
#include <utility>

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace rvmm::vmm {

long RawClient::send(std::string_view text) {
    long sent = 0;
    while (!text.empty()) {
        const ssize_t size =
            ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (size < 0) return errno == EAGAIN ? sent : -1;
        text.remove_prefix(static_cast<std::size_t>(size));
        sent += size;
    }
    return sent;
}

void RawClient::half_close() {
    ::shutdown(fd_.get(), SHUT_WR);
}

void RawClient::receive() {
    std::array<char, 16384> buffer;
    while (true) {
        const ssize_t size = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (size < 0 && errno == EAGAIN) return;
        if (size <= 0) {
            closed_ = true;
            return;
        }
        received_.append(buffer.data(), static_cast<std::size_t>(size));
    }
}

std::vector<std::string> RawClient::take_lines() {
    receive();
    std::vector<std::string> lines;
    for (std::size_t end = 0; (end = received_.find("\r\n")) != std::string::npos;) {
        lines.push_back(received_.substr(0, end));
        received_.erase(0, end + 2);
    }
    EXPECT_EQ(received_, "");
    return lines;
}

std::string RawClient::take_text() {
    receive();
    return std::exchange(received_, {});
}

RawClient ControlBench::connect() {
    std::array<int, 2> fds = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
    server_.add_client(UniqueFd(fds[1]));
    return RawClient(UniqueFd(fds[0]));
}

RawClient ControlBench::negotiated() {
    RawClient client = connect();
    EXPECT_EQ(ask(client, R"({"execute":"qmp_capabilities"})").size(), 2u);
    return client;
}

void ControlBench::turn() {
    loop_.restart();
    while (loop_.poll() > 0) {
    }
}

std::vector<std::string> ControlBench::ask(RawClient& client, std::string_view text) {
    EXPECT_EQ(client.send(text), static_cast<long>(text.size()));
    turn();
    return client.take_lines();
}

std::string ControlBench::say(RawClient& client, std::string_view text) {
    std::string said;
    for (const std::string& line : ask(client, text))
        said += (said.empty() ? "" : "\n") + without_time(line);
    return said;
}

std::string without_time(const std::string& line) {
    auto json = nlohmann::ordered_json::parse(line, nullptr, false);
    EXPECT_TRUE(json.is_object()) << line;
    if (!json.contains("timestamp")) return line;
    const auto& time = json["timestamp"];
    const std::int64_t seconds = time["seconds"];
    EXPECT_LE(std::abs(seconds - std::time(nullptr)), 60);
    EXPECT_LT(time["microseconds"].get<std::int64_t>(), 1'000'000);
    EXPECT_EQ(time.size(), 2u);
    json["timestamp"] = "T";
    return json.dump();
}

}  // namespace rvmm::vmm
