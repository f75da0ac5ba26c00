#include "vmm/control/control_client.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/json_fields.hpp"

namespace rvmm::vmm {
namespace {

std::unexpected<Error> no_answer(std::string_view why) {
    return fail(Stage::kLaunch, "the run does not answer: {}", why);
}

}  // namespace

Result<ControlClient> ControlClient::connect(const std::string& path,
                                             std::chrono::milliseconds patience) {
    sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
    if (path.size() >= sizeof address.sun_path) return no_answer("the socket's path is too long");
    std::ranges::copy(path, address.sun_path);
    // Unix sockets connect at once or not at all.
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd ||
        ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return fail_errno(Stage::kLaunch, errno, "cannot connect to {}", path);
    ControlClient client(std::move(fd), Clock::now() + patience);
    RVMM_TRY(const nlohmann::json greeting, client.next());
    if (member(greeting, "QMP") == nullptr) return no_answer("this is no control socket");
    RVMM_TRY(const nlohmann::json negotiated, client.run("qmp_capabilities"));
    return client;
}

Result<nlohmann::json> ControlClient::ask(std::string_view request) {
    RVMM_CHECK(send(std::string(request) + "\r\n"));
    while (true) {
        RVMM_TRY(nlohmann::json reply, next());
        if (reply.contains("return") || reply.contains("error")) return reply;
    }
}

Result<nlohmann::json> ControlClient::run(std::string_view name) {
    RVMM_TRY(const nlohmann::json reply, ask(nlohmann::json{{"execute", name}}.dump()));
    if (const nlohmann::json* value = member(reply, "return")) return *value;
    const nlohmann::json* error = member(reply, "error");
    return fail(Stage::kLaunch, "{}", as_text(member(*error, "desc")).value_or("an error reply"));
}

Result<nlohmann::json> ControlClient::next() {
    while (true) {
        std::string_view rest(received_);
        auto item = stream_.next(rest);
        received_.erase(0, received_.size() - rest.size());
        if (item) {
            if (auto* object = std::get_if<nlohmann::json>(&*item)) return std::move(*object);
            return no_answer(std::get<JsonStream::Mistake>(*item).what);
        }
        RVMM_CHECK(wait(POLLIN));
        std::array<char, 16 << 10> buffer;
        const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
        if (size == 0) return no_answer("it has closed the connection");
        if (size < 0 && errno != EAGAIN && errno != EINTR)
            return fail_errno(Stage::kLaunch, errno, "cannot read from the run");
        if (size > 0) received_.assign(buffer.data(), static_cast<std::size_t>(size));
    }
}

Result<> ControlClient::wait(short events) {
    while (true) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now());
        if (left.count() <= 0) return no_answer("it took too long");
        pollfd poll = {.fd = socket_.get(), .events = events, .revents = 0};
        const int ready = ::poll(&poll, 1, static_cast<int>(left.count()));
        if (ready > 0) return {};
        if (ready < 0 && errno != EINTR)
            return fail_errno(Stage::kLaunch, errno, "cannot wait for the run");
    }
}

Result<> ControlClient::send(std::string_view text) {
    while (!text.empty()) {
        const ssize_t size = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
        if (size < 0 && errno == EAGAIN) {
            RVMM_CHECK(wait(POLLOUT));
        } else if (size < 0 && errno != EINTR) {
            return fail_errno(Stage::kLaunch, errno, "cannot send to the run");
        } else if (size > 0) {
            text.remove_prefix(static_cast<std::size_t>(size));
        }
    }
    return {};
}

}  // namespace rvmm::vmm
