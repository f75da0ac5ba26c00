// Requests that a queue lets through, but that the device must not take as they are.
#include <initializer_list>

#include "bad_addresses.hpp"
#include "cases.hpp"
#include "cpu.hpp"
#include "pool.hpp"
#include "requests.hpp"

namespace guest::hostile {
namespace {

constexpr std::uint32_t kAnyData = 16;
constexpr unsigned kReceiveControl = 2;  // queues of the console
constexpr unsigned kSendControl = 3;

/// The device takes the request, and gives it back.
bool is_taken(Driver& driver, const Request& request) {
    driver.submit(request);
    Used used{};
    return wait_used(driver, used);
}

/// Room for what the device has to say, which is none: too short, or where it must not write.
/// `cause()` makes it say something.
template <class Cause>
void bad_rooms(Bench& bench, unsigned queue, std::uint32_t least, Cause cause) {
    Driver& driver = bench.device();
    const auto offer = [&](std::uint64_t address, std::uint32_t size, std::uint16_t flags) {
        driver.submit(queue, Request{}.add(address, size, flags));
        cause();
    };
    bench.breaks({"room that is too short"}, [&] { offer(driver.buffer(1), least - 1, kWrite); });
    bench.breaks({"room for reading"}, [&] { offer(driver.buffer(1), least, 0); });
    for_each_bad_address([&](const char* name, Bad bad) {
        bench.breaks({"room", name}, [&] { offer(address_of(bad, least), least, kWrite); });
    });
}

// virtio-rng: section 5.4.

void rng_cases(Bench& bench) {
    Driver& driver = bench.device();
    bench.breaks({"a part to read, one to write"}, [&] {
        driver.submit(Request{}.add(driver.buffer(0), 64).add(driver.buffer(1), 64, kWrite));
    });
    bench.harmless({"one byte"},
                   [&] { return is_taken(driver, Request{}.add(driver.buffer(0), 1, kWrite)); });
    bench.harmless({"1 MiB: as much as the device likes"},
                   [&] { return is_taken(driver, Request{}.add(spare(), 1 << 20, kWrite)); });
}

// virtio-net: section 5.1.6.

void net_cases(Bench& bench) {
    Driver& driver = bench.device();
    bench.breaks({"less than a header"},
                 [&] { driver.submit(Request{}.add(driver.buffer(0), kNetHeader - 1)); });
    for (const std::uint32_t size : {kNetHeader, kNetHeader + 1, kNetHeader + 13}) {
        bench.harmless({"a header, and no frame worth the name"},
                       [&] { return is_taken(driver, Request{}.add(driver.buffer(0), size)); });
    }
    bench.harmless({"a frame of 1 MiB"},
                   [&] { return is_taken(driver, Request{}.add(spare(), 1 << 20)); });
    bad_rooms(bench, 0, kNetHeader, [] {});
    bench.harmless({"a header full of ones"}, [&] {
        Request request = good_request(driver);
        for (std::uint64_t i = 0; i < kNetHeader; i += 4)
            mmio_write32(driver.buffer(0) + i, 0xffff'ffff);
        return is_taken(driver, request);
    });
}

// virtio-console: section 5.3.6.

struct Control {
    std::uint32_t port;
    std::uint16_t event;
    std::uint16_t value;
};
constexpr std::uint32_t kControlSize = 8;
constexpr Control kReady = {0, 0, 1};

void send_control(Driver& driver, const Control& control, std::uint32_t size,
                  std::uint16_t flags = 0) {
    const std::uint64_t at = driver.buffer(0);
    mmio_write32(at, control.port);
    mmio_write16(at + 4, control.event);
    mmio_write16(at + 6, control.value);
    sync_caches(reinterpret_cast<const void*>(at), kControlSize);
    driver.submit(kSendControl, Request{}.add(at, size, flags));
}

bool control_is_taken(Driver& driver, const Control& control, std::uint32_t size) {
    send_control(driver, control, size);
    Used used{};
    return driver.queue(kSendControl).wait_used(used, kPatienceMs);
}

struct OddControl {
    Control control;
    char name[28];
};
constexpr OddControl kOddControls[] = {
    {{1000, 3, 1}, "port 1000 is ready"},    {{0xffff'ffff, 6, 1}, "port -1 is open"},
    {{0, 0xffff, 1}, "event 65535"},         {{0, 6, 0xffff}, "value 65535"},
    {{0, 1, 1}, "from the other side"},      {{0, 0, 0}, "the driver has failed"},
    {{0, 6, 0}, "a port that is not known"},
};

void console_cases(Bench& bench) {
    Driver& driver = bench.device();
    for (std::uint32_t size = 1; size < kControlSize; ++size) {
        bench.harmless({"a control message", "that is too short"},
                       [&] { return control_is_taken(driver, kReady, size); });
    }
    for (const OddControl& odd : kOddControls) {
        bench.harmless({"a control message", odd.name},
                       [&] { return control_is_taken(driver, odd.control, kControlSize); });
    }
    bench.harmless({"a control message", "of a page"},
                   [&] { return control_is_taken(driver, kOddControls[0].control, kPage); });
    bench.breaks({"a control message", "for writing"},
                 [&] { send_control(driver, kReady, kControlSize, kWrite); });
    bad_rooms(bench, kReceiveControl, kControlSize,
              [&] { send_control(driver, kReady, kControlSize); });
    bench.harmless({"control messages", "200 that nobody has room for the answers to"}, [&] {
        for (unsigned i = 0; i < 200; ++i) {
            const Control control = {0, static_cast<std::uint16_t>(i % 2 == 0 ? 0 : 3), 1};
            if (!control_is_taken(driver, control, kControlSize)) return false;
        }
        return true;
    });
}

// virtio-vsock: section 5.10.6.

constexpr std::uint16_t kOperations[] = {0, 2, 3, 4, 5, 6, 7, 8, 0xffff};

bool packet_is_taken(Driver& driver, const VsockPacket& packet, std::uint32_t size) {
    write_vsock_packet(driver.buffer(0), packet);
    return is_taken(driver, Request{}.add(driver.buffer(0), size));
}

template <class Change>
void odd_packet(Bench& bench, const char* name, Change change) {
    Driver& driver = bench.device();
    bench.harmless({"a packet", name}, [&] {
        VsockPacket packet = vsock_packet(driver);
        change(packet);
        return packet_is_taken(driver, packet, kVsockHeader + kAnyData);
    });
}

void vsock_cases(Bench& bench) {
    Driver& driver = bench.device();
    bench.breaks({"a packet", "of 43 bytes"}, [&] {
        write_vsock_packet(driver.buffer(0), vsock_packet(driver));
        driver.submit(Request{}.add(driver.buffer(0), kVsockHeader - 1));
    });
    bench.breaks({"a packet", "with a part to write"}, [&] {
        write_vsock_packet(driver.buffer(0), vsock_packet(driver));
        driver.submit(
            Request{}.add(driver.buffer(0), kVsockHeader).add(driver.buffer(1), 8, kWrite));
    });
    odd_packet(bench, "from another CID", [](VsockPacket& p) { ++p.source; });
    odd_packet(bench, "from the host", [](VsockPacket& p) { p.source = 2; });
    odd_packet(bench, "to another guest", [](VsockPacket& p) { p.target = 1234; });
    odd_packet(bench, "to CID -1", [](VsockPacket& p) { p.target = ~std::uint64_t{0}; });
    odd_packet(bench, "of datagrams", [](VsockPacket& p) { p.type = 3; });
    odd_packet(bench, "of type 65535", [](VsockPacket& p) { p.type = 0xffff; });
    for (const std::uint16_t operation : kOperations) {
        odd_packet(bench, "of no connection", [=](VsockPacket& p) { p.operation = operation; });
    }
    odd_packet(bench, "longer than its chain", [](VsockPacket& p) { p.length = kAnyData + 1; });
    odd_packet(bench, "of 4 GiB - 1", [](VsockPacket& p) { p.length = 0xffff'ffff; });
    // Those that are not taken wait for room; other devices go on, and a reset forgets them.
    bench.recovers({"packets", "that nobody has room for the answers to"}, [&] {
        constexpr unsigned kMostTaken = 1000;
        for (unsigned i = 0; i < kMostTaken; ++i) {
            driver.submit(good_request(driver));
            Used used{};
            if (!driver.requests().wait_used(used, 10 * kQuietMs)) return i > 0;
        }
        return false;
    });
    bad_rooms(bench, 0, kVsockHeader, [&] { driver.submit(good_request(driver)); });
}

}  // namespace

void request_cases(Bench& bench) {
    bench.begin("requests");
    switch (bench.device().type()) {
        case kRng:
            rng_cases(bench);
            break;
        case kNet:
            net_cases(bench);
            break;
        case kConsole:
            console_cases(bench);
            break;
        case kVsock:
            vsock_cases(bench);
            break;
        default:
            block_cases(bench);
    }
    bench.end();
}

}  // namespace guest::hostile
