// What is known of a running rvmm: a file NAME.json in the runtime folder, beside the socket.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace rvmm::vmm {

inline constexpr std::size_t kMaxRunName = 64;
/// 1 to kMaxRunName of [A-Za-z0-9_.-], not starting with a dot.
bool is_run_name(std::string_view name);
/// A run's name where nobody gave it one: the config's stem, what no name can have in it replaced,
/// and the process.
std::string default_run_name(const std::string& config, int process);

/// A process as it cannot be mistaken for a later one with the same id.
struct ProcessId {
    int pid = 0;
    std::uint64_t start_time = 0;  // clock ticks since the machine started, as /proc has it

    static ProcessId ours();
    /// Nothing: there is no such process, or it has ended and is not waited for yet.
    static std::optional<ProcessId> of(int pid);
    /// False only where it is certain: a process that cannot be looked at counts as alive.
    bool is_alive() const;
    friend bool operator==(const ProcessId&, const ProcessId&) = default;
};

struct RunEntry {
    std::string name;
    ProcessId process = {};
    std::string config = {};  // path, absolute
    std::string socket = {};  // path, absolute
    std::int64_t since = 0;   // seconds since 1970
    std::string host = {};    // kind, as reports say it
    std::string rim = {};     // hex; empty: not known, or no realm
    bool answers = false;     // the launch is over, the socket is served

    std::string to_json() const;
    /// Nothing if the text is not such a file.
    static std::optional<RunEntry> from_json(std::string_view name, std::string_view text);
};

}  // namespace rvmm::vmm
