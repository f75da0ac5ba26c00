// What an image.cfg says about devices, validated. Reference: docs/image-cfg.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace rvmm::realm {

/// How a virtio device is found and spoken to.
enum class Transport : std::uint8_t { kPci, kMmio };

/// No two devices and console ports have one name, and none has one of these, which are those of
/// the machine's own.
inline constexpr std::string_view kSerialName = "serial0";
inline constexpr std::string_view kRtcName = "rtc0";
inline constexpr std::string_view kGpioName = "gpio0";
inline constexpr std::string_view kPvpanicName = "pvpanic0";
inline constexpr std::size_t kMaxDeviceName = 32;  // bytes, each of [a-z0-9_-]

/// Paths here are absolute or relative to the current directory.
struct DiskSpec {
    std::filesystem::path path = {};
    bool readonly = false;
    std::string serial = {};   // at most 20 bytes
    std::uint16_t queues = 1;  // 1 to 16

    friend bool operator==(const DiskSpec&, const DiskSpec&) = default;
};

using MacAddress = std::array<std::uint8_t, 6>;

struct NetSpec {
    enum class Backend : std::uint8_t { kPasst, kTap };
    Backend backend = Backend::kPasst;
    std::string tap = {};            // an interface, at most 15 bytes; for kTap, else empty
    std::optional<int> tap_fd = {};  // for kTap, where `tap` is empty
    std::optional<std::filesystem::path> socket = {};  // a running passt's; else rvmm starts passt
    MacAddress mac = {};                               // unicast
    std::uint16_t mtu = 0;                             // 68 to 65535; 0: not said
    std::uint16_t queues = 1;                          // pairs, 1 to 8; 1 where there is no `tap`

    friend bool operator==(const NetSpec&, const NetSpec&) = default;
};

struct VsockSpec {
    std::uint32_t cid = 0;            // the guest's, 3 to 4294967294
    std::filesystem::path path = {};  // Unix socket; what the guest dials is at path_PORT

    friend bool operator==(const VsockSpec&, const VsockSpec&) = default;
};

struct RngSpec {
    friend bool operator==(const RngSpec&, const RngSpec&) = default;
};

struct ConsolePort {
    enum class Mode : std::uint8_t { kStdio, kNone, kFile };
    std::string name = {};  // the guest sees it
    Mode mode = Mode::kNone;
    std::optional<std::filesystem::path> path = {};  // where output goes; for kFile, and only then

    friend bool operator==(const ConsolePort&, const ConsolePort&) = default;
};

/// All [[console]] of a file: one device with several ports.
struct ConsoleSpec {
    std::vector<ConsolePort> ports = {};  // 1 to kMaxConsolePorts; at most one is kStdio

    friend bool operator==(const ConsoleSpec&, const ConsoleSpec&) = default;
};

inline constexpr std::size_t kMaxConsolePorts = 31;

struct DeviceSpec {
    std::string name = {};  // a console's is that of its first port
    Transport transport = Transport::kPci;
    std::variant<DiskSpec, NetSpec, VsockSpec, RngSpec, ConsoleSpec> what = {};

    friend bool operator==(const DeviceSpec&, const DeviceSpec&) = default;
};

std::string_view to_string(Transport transport);
std::string_view to_string(NetSpec::Backend backend);
std::string_view to_string(ConsolePort::Mode mode);
/// "52:54:00:12:34:56"
std::string to_string(const MacAddress& mac);

}  // namespace rvmm::realm
