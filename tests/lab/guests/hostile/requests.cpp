#include "requests.hpp"

#include "cpu.hpp"
#include "pool.hpp"

namespace guest::hostile {
namespace {

constexpr std::uint32_t kRandomBytes = 64;
constexpr std::uint32_t kFrame = 60;
constexpr std::uint32_t kReceiveRoom = 256;
constexpr std::uint64_t kHostCid = 2;
constexpr std::uint16_t kStream = 1;
constexpr std::uint64_t kOperationOffset = 30;

void sync(std::uint64_t address, std::size_t size) {
    sync_caches(reinterpret_cast<const void*>(address), size);
}

Request output_request(const Driver& driver) {
    constexpr std::uint32_t kSize = sizeof kConsoleLine - 1;
    volatile std::uint8_t* out = bytes_at(driver.buffer(0));
    for (std::uint32_t i = 0; i < kSize; ++i) out[i] = static_cast<std::uint8_t>(kConsoleLine[i]);
    sync(driver.buffer(0), kSize);
    return Request{}.add(driver.buffer(0), kSize);
}

/// A broadcast of a protocol that nobody knows (88b5: for local experiments).
Request frame_request(const Driver& driver) {
    fill(driver.buffer(0), kPage, 0);
    volatile std::uint8_t* frame = bytes_at(driver.buffer(0)) + kNetHeader;
    for (unsigned i = 0; i < 6; ++i) frame[i] = 0xff;
    frame[6] = 2;
    frame[12] = 0x88;
    frame[13] = 0xb5;
    sync(driver.buffer(0), kPage);
    return Request{}.add(driver.buffer(0), kNetHeader + kFrame);
}

bool got_random_bytes(Driver& driver, const Used& used) {
    return used.written == kRandomBytes && !holds(driver.buffer(0), kRandomBytes, 0);
}

/// The device has answered the packet with a reset.
bool got_vsock_reset(Driver& driver) {
    Used used{};
    if (!driver.queue(0).wait_used(used, kPatienceMs) || used.written < kVsockHeader) return false;
    sync(driver.buffer(3), kVsockHeader);
    return mmio_read16(driver.buffer(3) + kOperationOffset) == kVsockReset;
}

}  // namespace

Request good_request(const Driver& driver) {
    switch (driver.type()) {
        case kRng:
            fill(driver.buffer(0), kRandomBytes, 0);
            return Request{}.add(driver.buffer(0), kRandomBytes, kWrite);
        case kBlock:
            return block_request(driver, kBlockRead, 0, driver.buffer(1), kSector);
        case kConsole:
            return output_request(driver);
        case kNet:
            return frame_request(driver);
        default:
            write_vsock_packet(driver.buffer(0), vsock_packet(driver));
            return Request{}.add(driver.buffer(0), kVsockHeader);
    }
}

unsigned data_part(const Driver& driver) {
    return driver.type() == kBlock ? 1 : 0;
}

bool works(Driver& driver) {
    if (driver.type() == kVsock)
        driver.submit(0, Request{}.add(driver.buffer(3), kReceiveRoom, kWrite));
    driver.submit(good_request(driver));
    Used used{};
    if (!wait_used(driver, used) || used.head != 0) return false;
    switch (driver.type()) {
        case kRng:
            return got_random_bytes(driver, used);
        case kBlock:
            return used.written == kSector + 1 && block_status(driver) == kBlockOk;
        case kVsock:
            return got_vsock_reset(driver);
        default:
            return true;
    }
}

bool wait_used(Driver& driver, Used& used) {
    return driver.requests().wait_used(used, kPatienceMs);
}

void write_block_header(std::uint64_t at, std::uint32_t type, std::uint64_t sector) {
    mmio_write32(at, type);
    mmio_write32(at + 4, 0);
    mmio_write64(at + 8, sector);
    sync(at, kBlockHeader);
}

Request block_request(const Driver& driver, std::uint32_t type, std::uint64_t sector,
                      std::uint64_t data, std::uint32_t size) {
    write_block_header(driver.buffer(0), type, sector);
    fill(driver.buffer(2), 8, ~std::uint64_t{0});
    Request request;
    request.add(driver.buffer(0), kBlockHeader);
    if (size != 0) request.add(data, size, type == kBlockRead ? kWrite : std::uint16_t{0});
    return request.add(driver.buffer(2), 1, kWrite);
}

std::uint8_t block_status(const Driver& driver) {
    sync(driver.buffer(2), 1);
    return mmio_read8(driver.buffer(2));
}

std::uint64_t block_sectors(const Driver& driver) {
    return mmio_read64(driver.transport().config());
}

VsockPacket vsock_packet(const Driver& driver) {
    return {.source = mmio_read64(driver.transport().config()),
            .target = kHostCid,
            .source_port = 1000,
            .target_port = 9,
            .length = 0,
            .type = kStream,
            .operation = kVsockRequest};
}

void write_vsock_packet(std::uint64_t at, const VsockPacket& packet) {
    fill(at, 48, 0);
    mmio_write64(at, packet.source);
    mmio_write64(at + 8, packet.target);
    mmio_write32(at + 16, packet.source_port);
    mmio_write32(at + 20, packet.target_port);
    mmio_write32(at + 24, packet.length);
    mmio_write16(at + 28, packet.type);
    mmio_write16(at + kOperationOffset, packet.operation);
    sync(at, kVsockHeader);
}

}  // namespace guest::hostile
