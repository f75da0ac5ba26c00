// What a well-behaved driver asks of each kind of device, and what it must get.
#pragma once

#include "driver.hpp"

namespace guest::hostile {

/// A request that is right, its buffers filled in: for one that makes something of it wrong.
Request good_request(const Driver& driver);
/// The part of it that carries data.
unsigned data_part(const Driver& driver);

/// Makes the device do something useful, and looks at what it did.
bool works(Driver& driver);

/// The used element of a request that was submitted; false if it does not come in time.
bool wait_used(Driver& driver, Used& used);

// virtio-blk: section 5.2.6.
inline constexpr std::uint32_t kBlockRead = 0;
inline constexpr std::uint32_t kBlockWrite = 1;
inline constexpr std::uint32_t kBlockDiscard = 11;
inline constexpr std::uint32_t kBlockWriteZeroes = 13;
inline constexpr std::uint8_t kBlockOk = 0;
inline constexpr std::uint8_t kBlockIoError = 1;
inline constexpr std::uint8_t kBlockUnsupported = 2;
inline constexpr std::uint8_t kBlockUntouched = 0xff;  // what is there before the device's answer
inline constexpr std::uint32_t kSector = 512;
inline constexpr std::uint32_t kBlockHeader = 16;
inline constexpr std::uint32_t kBlockRange = 16;  // of a discard, or of zeroes

/// Its header, and where its status will be.
void write_block_header(std::uint64_t at, std::uint32_t type, std::uint64_t sector);
/// The header in buffer 0, the status in buffer 2, and this between them.
Request block_request(const Driver& driver, std::uint32_t type, std::uint64_t sector,
                      std::uint64_t data, std::uint32_t size);
std::uint8_t block_status(const Driver& driver);
std::uint64_t block_sectors(const Driver& driver);

// virtio-vsock: section 5.10.6.
inline constexpr std::uint32_t kVsockHeader = 44;
inline constexpr std::uint16_t kVsockRequest = 1;
inline constexpr std::uint16_t kVsockReset = 3;
struct VsockPacket {
    std::uint64_t source;
    std::uint64_t target;
    std::uint32_t source_port;
    std::uint32_t target_port;
    std::uint32_t length;
    std::uint16_t type;
    std::uint16_t operation;
};
/// A request for a connection to a port of the host where nobody listens.
VsockPacket vsock_packet(const Driver& driver);
void write_vsock_packet(std::uint64_t at, const VsockPacket& packet);

inline constexpr std::uint32_t kNetHeader = 12;

/// What the console's good request prints.
inline constexpr char kConsoleLine[] = "good\n";

}  // namespace guest::hostile
