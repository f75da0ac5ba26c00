// The lab: an arm64 Linux under QEMU's emulation, on any machine, in which a command runs. It is a
// stock one, or the machine that a file describes (LabMachine).
//
// Nothing is written to a disk and no socket has a name: the initramfs and the files travel in
// memory files, the streams in socket pairs that QEMU inherits. The lab ends with the command.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "vmm/lab/lab_config.hpp"
#include "vmm/lab/lab_image.hpp"
#include "vmm/lab/qemu_arguments.hpp"
#include "vmm/service/service_notifier.hpp"

namespace rvmm::vmm::lab {

/// How our stdin and stdout are joined to the command's. Without a terminal on our stdin all are
/// kPipes.
enum class Console : std::uint8_t {
    kPipes,   // as in a pipeline: our terminal stays as it is, Ctrl-C is a signal for the command
    kSerial,  // pipes inside, our terminal raw with Ctrl-A x and its like: for a guest's console
    kPty,     // a terminal inside, ours raw with Ctrl-A x and its like: for a shell
};

inline constexpr auto kTimeGrace = std::chrono::milliseconds(1500);

/// A socket of this machine whose clients reach one in the lab.
struct LabSocket {
    int listener = -1;   // a Unix stream socket that listens; the caller's
    std::string inside;  // absolute path of the socket in the lab; clients wait until it listens
    std::function<void()> answered = {};  // called, once, when who listens there has said something
};

struct LabRequest {
    std::vector<std::string> argv;  // not empty; UTF-8; argv[0] is found by PATH
    std::string cwd = "/job";
    std::map<std::string, std::string> environment = {};  // added to the lab's own
    std::vector<LabFile> files = {};                      // put in before the command starts
    std::vector<std::string> collect = {};                // absolute paths to bring back afterwards
    std::vector<LabDisk> disks = {};
    std::vector<LabSocket> sockets = {};
    bool network = false;  // that reaches what this machine reaches, as eth0
    Console console = Console::kPipes;
    bool no_input = false;  // the command has nothing to read, and our stdin is left alone
    ServiceNotifier* service = nullptr;  // is told when the command starts, and that all goes on
    bool output_to_stderr = false;  // the command's output goes there too: stdout is not its own
    std::function<void(ByteSpan)> output_tap = {};  // sees the command's output first
    bool output_to_tap_alone = false;               // nobody else does
    std::function<bool()> still_wanted = {};  // asked after output_tap; false ends the lab at once
    /// A FIFO that the command finds in the lab, and who gets its lines, without their newlines.
    std::string follow = {};
    std::function<void(std::string_view line)> on_line = {};
    /// When the time is up. The command gets SIGALRM, and the lab is killed if it has not ended
    /// kTimeGrace later, or has not begun.
    std::optional<std::chrono::steady_clock::time_point> deadline = {};
    std::optional<std::uint64_t> memory = {};  // bytes; else the machine's: see lab_memory()
    std::optional<unsigned> cpus = {};         // 1 to 8; else the machine's
};

struct LabOutcome {
    int exit_code = 0;  // the command's, or 128 + the signal that ended it
    bool signalled = false;
    bool unwanted = false;   // still_wanted() was not true
    bool timed_out = false;  // killed at the deadline, or ended by its SIGALRM; kTimeLimit's code
    std::map<std::string, Bytes> collected = {};            // by the path that was asked for
    std::map<std::string, std::string> not_collected = {};  // why it is not in `collected`
    double boot_seconds = 0;                                // from the call until the lab answered
};

/// Boots a lab, runs the command, and returns when it has ended and all its output is written to
/// our stdout and stderr. SIGINT, SIGTERM, SIGHUP and SIGQUIT go to the command; if it has not
/// ended 5 seconds later, or at the second one, or while the lab still boots, the lab is killed and
/// the outcome is that signal. Ctrl-A x does the same, as SIGHUP for a command on a terminal and as
/// SIGINT for another, and the outcome is SIGINT. Whatever ends this process ends the lab.
///
/// Call it on the main thread (QemuProcess::start says why); descriptors 0 to 2 must be open.
/// Errors: Stage::kUsage for a request that makes no sense, kImage for files that cannot go in,
/// kHostCannot for a broken cache, kLaunch when the lab does not come up within its machine's
/// boot_limit or ends before the command does; the last lines of its log are then part of the
/// message.
Result<LabOutcome> run_in_lab(const LabConfig& config, const LabRequest& request);

/// The memory of a lab for `request`, whose large files take `payload` bytes: what the request
/// says, else what `machine` says, else 3 GiB, or more for large files. Bytes.
std::uint64_t lab_memory(const LabMachine& machine, const LabRequest& request,
                         std::uint64_t payload);

}  // namespace rvmm::vmm::lab
