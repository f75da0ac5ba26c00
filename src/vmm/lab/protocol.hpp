// What rvmm outside and its agent inside the lab say to each other, as text and as values.
//
// A message is one line of JSON, an object with one member. Both ways over the port kControlPort:
//
//   agent                                         outside
//   {"hello": 2}                             ->
//                                            <-   {"run": {...}}                 once
//                                            <-   {"signal": 15}, {"resize": [rows, columns]}
//                                            <-   {"stdin_end": bytes}           all of stdin is
//                                            sent
//   {"line": "..."}                          ->   of the FIFO that the run follows
//   {"exited": {"status"|"signal": n,
//               "stdout": n, "stderr": n}}   ->   bytes of output sent in all
//   {"file": {"index": i, "size": n}}        ->   and n raw bytes after the newline, or
//   {"missing": {"index": i, "why": "..."}}  ->   for each path to collect, in order
//   {"bye": true}                            ->
//   {"link": {...}}                         <-  ->   connections: link_message.hpp
//
// The command's stdin and stdout are the port kConsolePort, its stderr is kStderrPort, as raw
// bytes. Ports have no end and no order among them: that is what the byte counts are for.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "vmm/lab/link_message.hpp"

namespace rvmm::vmm::lab {

inline constexpr std::string_view kConsolePort = "org.rvmm.console";
inline constexpr std::string_view kStderrPort = "org.rvmm.stderr";
inline constexpr std::string_view kControlPort = "org.rvmm.control";

inline constexpr std::uint64_t kProtocolVersion = 2;
inline constexpr std::size_t kMaxLine = 1U << 20;                // bytes, with the newline
inline constexpr std::size_t kBufferSize = 64U << 10;            // bytes of a stream at a time
inline constexpr std::uint64_t kMaxCollectedFile = 64ULL << 20;  // bytes
inline constexpr std::size_t kMaxFollowedLine = 64U << 10;       // bytes of a LineMessage
inline constexpr int kMaxSignal = 64;

struct WindowSize {
    std::uint16_t rows = 24;
    std::uint16_t columns = 80;
    friend bool operator==(const WindowSize&, const WindowSize&) = default;
};

// From outside to the agent.
struct RunMessage {
    std::vector<std::string> argv;  // not empty; argv[0] is looked up in PATH
    std::string cwd;
    std::map<std::string, std::string> environment;  // added to the lab's own
    std::vector<std::string> collect;                // absolute paths
    std::optional<WindowSize> terminal;              // give it a terminal of this size, not pipes
    std::string follow;  // absolute path: a FIFO is made there, and its lines are sent; or empty
};
struct SignalMessage {
    int number = 0;
};
struct ResizeMessage {
    WindowSize size;
};
struct StdinEndMessage {
    std::uint64_t total = 0;
};
using HostMessage =
    std::variant<RunMessage, SignalMessage, ResizeMessage, StdinEndMessage, LinkMessage>;

// From the agent to outside.
struct HelloMessage {
    std::uint64_t version = 0;
};
struct ExitedMessage {
    int number = 0;  // exit status 0 to 255, or the signal that ended it
    bool signalled = false;
    std::uint64_t stdout_bytes = 0;
    std::uint64_t stderr_bytes = 0;
};
struct FileMessage {
    std::size_t index = 0;
    Bytes content;
};
struct MissingMessage {
    std::size_t index = 0;
    std::string why;
};
struct LineMessage {
    std::string text;  // UTF-8
};
struct ByeMessage {};
using AgentMessage = std::variant<HelloMessage, LineMessage, ExitedMessage, FileMessage,
                                  MissingMessage, ByeMessage, LinkMessage>;

/// The line for `message`, with its newline. Errors (Stage::kUsage): a text is not UTF-8, or the
/// line would be longer than kMaxLine.
Result<std::string> encode(const HostMessage& message);
/// As encode() for the other direction; a file's content follows its line.
std::string encode(const AgentMessage& message);

/// Errors (Stage::kLaunch): not one of the messages, or a value out of range.
Result<HostMessage> parse_host_message(std::string_view line);

/// Lines out of a stream of bytes, none longer than kMaxLine.
class LineReader {
  public:
    void push(ByteSpan bytes);
    /// The next whole line without its newline; nothing if there is none yet. Errors
    /// (Stage::kLaunch): a line that is too long.
    Result<std::optional<std::string>> next_line();
    /// Takes up to `limit` raw bytes from what was pushed.
    Bytes take(std::size_t limit);

  private:
    std::string pending_;
    std::size_t start_ = 0;  // of what was not taken yet, in pending_
};

/// Messages out of the agent's bytes. They come from a machine that ran a guest: nothing is taken
/// on trust. After an error it must not be used any more.
class AgentMessageReader {
  public:
    void push(ByteSpan bytes) { lines_.push(bytes); }
    /// The next whole message, or nothing yet. Errors (Stage::kLaunch): bytes that are none.
    Result<std::optional<AgentMessage>> next();

  private:
    LineReader lines_;
    std::optional<FileMessage> file_;  // whose content is still coming
    std::size_t missing_bytes_ = 0;    // of file_
};

}  // namespace rvmm::vmm::lab
