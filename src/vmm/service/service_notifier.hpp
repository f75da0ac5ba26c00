// Tells the service manager that started rvmm how it goes: the datagrams of sd_notify(3), to the
// socket that NOTIFY_SOCKET names. Without one every call does nothing.
//
// No error is the run's: what cannot be sent is a warning, once. Nothing waits longer than
// kPatience. On the main thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace rvmm::vmm {

class ServiceNotifier {
  public:
    static constexpr auto kPatience = std::chrono::milliseconds(200);
    static constexpr auto kSlowestBeat = std::chrono::minutes(10);

    /// What the environment says (sd_notify(3), sd_watchdog_enabled(3)); empty: it is not there.
    struct Surroundings {
        std::string socket = {};         // NOTIFY_SOCKET: a path, or an abstract name after "@"
        std::string watchdog_usec = {};  // WATCHDOG_USEC
        std::string watchdog_pid = {};   // WATCHDOG_PID: who it is meant for
        pid_t process = 0;               // us
    };
    /// Takes it out of the environment as well: our children are not the service. Before there are
    /// other threads.
    static Surroundings take_environment();

    explicit ServiceNotifier(const Surroundings& surroundings = take_environment());

    bool is_active() const { return static_cast<bool>(socket_); }
    /// How often alive() is wanted: half of the time after which the manager gives rvmm up.
    std::optional<std::chrono::microseconds> beat() const { return beat_; }

    /// `status` is one line for people.
    void status(std::string_view status) { send(fmt::format("STATUS={}", status)); }
    void ready(std::string_view status) { send(fmt::format("READY=1\nSTATUS={}", status)); }
    void alive() { send("WATCHDOG=1"); }
    void stopping(std::string_view status) { send(fmt::format("STOPPING=1\nSTATUS={}", status)); }

  private:
    void send(std::string_view message);

    UniqueFd socket_;   // none: there is nobody to tell
    std::string name_;  // as in the environment
    std::optional<std::chrono::microseconds> beat_;
    bool warned_ = false;
};

}  // namespace rvmm::vmm
