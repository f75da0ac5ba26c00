// Finding the machine's ports, and the agent as a program.
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "vmm/lab/agent.hpp"

namespace rvmm::vmm::lab {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto kPollInterval = 10ms;
constexpr int kPolls = 500;

std::optional<fs::path> find_port(std::string_view name) {
    std::error_code error;
    for (fs::directory_iterator it("/sys/class/virtio-ports", error), end; !error && it != end;
         it.increment(error)) {
        std::ifstream file(it->path() / "name");
        std::string line;
        if (std::getline(file, line) && line == name) return "/dev" / it->path().filename();
    }
    return std::nullopt;
}

/// A port that is not connected yet reads as ended.
bool is_connected(int fd) {
    pollfd state = {.fd = fd, .events = 0, .revents = 0};
    return ::poll(&state, 1, 0) == 0;
}

/// The device learns a port's name and state by messages, shortly after it appears.
Result<UniqueFd> open_port(std::string_view name) {
    UniqueFd fd;
    for (int i = 0; i < kPolls; ++i) {
        if (!fd)
            if (const auto path = find_port(name))
                fd.reset(::open(path->c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
        if (fd && is_connected(fd.get())) return fd;
        std::this_thread::sleep_for(kPollInterval);
    }
    return fail(Stage::kHostCannot, "there is no port {}: this is not the inside of a lab", name);
}

}  // namespace

Result<int> run_agent() {
    if (::getpid() != 1)
        return fail(Stage::kHostCannot, "the lab's agent is started by the lab, not by hand");
    Agent::Ports ports;
    RVMM_TRY(ports.console, open_port(kConsolePort));
    RVMM_TRY(ports.errors, open_port(kStderrPort));
    RVMM_TRY(ports.control, open_port(kControlPort));
    try {
        Agent agent(std::move(ports));
        return std::unexpected(agent.run());
    } catch (const std::exception& exception) {  // Asio's, when a descriptor cannot be watched
        return fail(Stage::kLaunch, "the lab's agent failed: {}", exception.what());
    }
}

}  // namespace rvmm::vmm::lab
