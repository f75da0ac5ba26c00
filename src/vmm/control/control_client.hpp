// The other side of the control socket, for `rvmm ctl` and `rvmm ps`. Waits, but never for long.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "vmm/control/json_stream.hpp"

namespace rvmm::vmm {

class ControlClient {
  public:
    /// Connects to the socket at `path` and negotiates. All further waiting ends with `patience`
    /// from now. Errors (Stage::kLaunch): there is no answer.
    static Result<ControlClient> connect(const std::string& path,
                                         std::chrono::milliseconds patience);

    /// Sends `request`, a JSON object, and returns the reply: an object with "return" or "error".
    /// Events are passed over. Errors (Stage::kLaunch): there is no answer.
    Result<nlohmann::json> ask(std::string_view request);
    /// The "return" of the command `name`. Errors (Stage::kLaunch): an error reply, too.
    Result<nlohmann::json> run(std::string_view name);

  private:
    using Clock = std::chrono::steady_clock;
    ControlClient(UniqueFd socket, Clock::time_point deadline)
        : socket_(std::move(socket)), deadline_(deadline) {}
    Result<nlohmann::json> next();
    Result<> wait(short events);
    Result<> send(std::string_view text);

    static constexpr std::size_t kMaxReply = 1 << 20;  // bytes
    UniqueFd socket_;
    Clock::time_point deadline_;
    JsonStream stream_{kMaxReply};
    std::string received_;
};

}  // namespace rvmm::vmm
