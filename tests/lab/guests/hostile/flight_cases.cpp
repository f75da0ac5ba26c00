// What changes while the device is at work: memory that becomes private, and resets.
#include <initializer_list>

#include "cases.hpp"
#include "cpu.hpp"
#include "pool.hpp"
#include "requests.hpp"
#include "rsi.hpp"
#include "runtime.hpp"

namespace guest::hostile {
namespace {

constexpr std::uint32_t kPages = 64;
constexpr std::uint32_t kSize = kPages * kPage;
constexpr std::uint64_t kOnDisk = 0xd15c'd15c'd15c'd15c;
constexpr std::uint64_t kOwn = 0x0075'0075'0075'0075;

std::uint64_t area;  // shared pages that are read into

/// Long enough for a device that writes where it must not.
void wait_for_late_writes() {
    wait_ms(3);
}

bool write_disk(Driver& driver) {
    fill(area, kSize, kOnDisk);
    driver.submit(block_request(driver, kBlockWrite, 0, area, kSize));
    Used used{};
    return wait_used(driver, used) && block_status(driver) == kBlockOk;
}

/// The request that was made has ended: the device gave it back, or needs a reset.
bool has_ended(Driver& driver) {
    const std::uint64_t deadline = now_ms() + kPatienceMs;
    while (driver.requests().used_index() != driver.requests().index()) {
        if (driver.needs_reset_now()) return true;
        if (now_ms() > deadline) return false;
        pause();
    }
    return true;
}

/// As many requests as there are places, all at once.
template <class Make>
void offer_many(Driver& driver, Make make) {
    Queue& queue = driver.requests();
    for (unsigned at = 0; at + Request::kMost <= queue.size(); at += Request::kMost) {
        make(at / Request::kMost).put_into(queue.table(), at);
        queue.offer(static_cast<std::uint16_t>(at));
    }
    driver.ring();
}

/// Keeps the device at work on all of the area for a while.
void read_often(Driver& driver) {
    offer_many(driver, [&](unsigned) { return block_request(driver, kBlockRead, 0, area, kSize); });
}

/// Makes pages shared that hold kOwn. They do not show it, nor what a device wrote too late.
bool show_again(std::uint64_t first, std::size_t pages) {
    if (!make_shared(first, pages) || holds(first, 8, kOwn)) return false;
    return !has_argument("scrubbed") || holds(first, pages * kPage, 0);
}

/// Makes pages private at once after `begin()`. What is in them then is nobody's but the guest's.
template <class Begin>
bool turns_private(Driver& driver, std::uint64_t first, std::size_t pages, std::uint64_t delay,
                   Begin begin) {
    begin();
    for (volatile std::uint64_t i = 0; i < delay;) i = i + 1;
    if (!make_private(first, pages)) return false;
    bool good = holds(plain(first), pages * kPage, 0);
    fill(plain(first), pages * kPage, kOwn);
    good = has_ended(driver) && good;
    wait_for_late_writes();
    good = holds(plain(first), pages * kPage, kOwn) && good;
    return show_again(first, pages) && good;
}

/// A part of what a disk is read into becomes private.
void data_conversions(Bench& bench, std::uint64_t rounds) {
    Driver& driver = bench.device();
    bench.recovers({"a large write to the disk"}, [&] { return write_disk(driver); });
    for (std::uint64_t i = 0; i < rounds; ++i) {
        const std::size_t pages = i % 4 == 3 ? kPages : 1;
        const std::uint64_t page = pages == 1 ? i * 7 % kPages : 0;
        bench.recovers({"what is read into becomes private"}, [&] {
            fill(area, kSize, 0);
            return turns_private(driver, area + page * kPage, pages, i % 16 * 10'000,
                                 [&] { read_often(driver); });
        });
    }
}

/// A part of the queue becomes private, while a request is with the device.
void queue_conversions(Bench& bench, std::uint64_t rounds) {
    Driver& driver = bench.device();
    const bool reads = driver.type() == kBlock;
    for (std::uint64_t i = 0; i < rounds; ++i) {
        for (const Area part : kAreas) {
            bench.breaks({"a part of the queue becomes private"}, [&] {
                const std::uint64_t page = driver.requests().area(part);
                driver.submit(reads ? block_request(driver, kBlockRead, 0, area, kSize)
                                    : good_request(driver));
                for (volatile std::uint64_t d = 0; d < i * 100;) d = d + 1;
                make_private(page, 1);
                driver.ring();
                driver.needs_reset();
                wait_for_late_writes();
                // A break that is none: what the device wrote to the page shows up as no reset.
                const bool untouched = holds(plain(page), kPage, 0);
                fill(plain(page), kPage, kOwn);
                if (!show_again(page, 1) || !untouched) driver.reset();
            });
        }
    }
}

/// What a request was made with becomes private before the device can look.
void early_conversions(Bench& bench) {
    Driver& driver = bench.device();
    for (const bool data : {true, false}) {
        bench.breaks({data ? "data" : "an indirect table", "private before it is available"}, [&] {
            const Request request = good_request(driver);
            const std::uint64_t table = driver.buffer(3);
            request.put_into(table);
            Request{}
                .add(table, request.count * sizeof(Descriptor), kIndirect)
                .put_into(driver.requests().table());
            const std::uint64_t page = data ? request.parts[data_part(driver)].address : table;
            make_private(page, 1);
            driver.requests().offer(0);
            driver.ring();
            driver.needs_reset();
            make_shared(page, 1);
        });
    }
}

/// What takes its time: of a disk, in turn, reads, writes and zeroing all of it.
Request long_request(const Driver& driver, unsigned round, unsigned place) {
    if (driver.type() != kBlock) return good_request(driver);
    constexpr std::uint32_t kPart = kSize / 8;
    const std::uint64_t part = area + place % 8 * kPart;
    if (round % 3 == 0) return block_request(driver, kBlockRead, 0, part, kPart);
    if (round % 3 == 1) return block_request(driver, kBlockWrite, 0, part, kPart);
    const std::uint64_t range = driver.buffer(1);
    fill(range, kBlockRange, 0);
    mmio_write32(range + 8, static_cast<std::uint32_t>(block_sectors(driver)));
    sync_caches(reinterpret_cast<const void*>(range), kBlockRange);
    return block_request(driver, kBlockWriteZeroes, 0, range, kBlockRange);
}

/// As many requests as there are places, and a reset at once. Nothing comes after it.
bool reset_in_flight(Driver& driver, unsigned round) {
    fill(area, kSize, 0);
    Queue& queue = driver.requests();
    offer_many(driver, [&](unsigned place) {
        if (round % 2 == 0) driver.ring();
        return long_request(driver, round, place);
    });
    for (volatile unsigned i = 0; i < round * 20;) i = i + 1;
    if (!driver.reset()) return false;
    for (const Area a : kAreas) fill(queue.area(a), kPage, kOwn);
    fill(area, kSize, kOwn);
    wait_for_late_writes();
    return holds(queue.area(Area::kDevice), kPage, kOwn) && holds(area, kSize, kOwn);
}

void resets(Bench& bench, std::uint64_t rounds) {
    Driver& driver = bench.device();
    for (unsigned i = 0; i < rounds; ++i) {
        bench.recovers({"a reset with requests in flight"},
                       [&] { return reset_in_flight(driver, i); });
    }
    bench.recovers({"a reset right after DRIVER_OK, 20 times"}, [&] {
        for (unsigned i = 0; i < 20; ++i) {
            if (!driver.start() || !driver.reset()) return false;
        }
        return true;
    });
    bench.recovers({"a reset that is asked for 20 times"}, [&] {
        for (unsigned i = 0; i < 20; ++i) driver.transport().set_status(0);
        return driver.reset();
    });
    bench.recovers({"DRIVER_OK right after a reset was asked for"}, [&] {
        driver.submit(good_request(driver));
        driver.transport().set_status(0);
        driver.transport().set_status(kAcknowledge | kDriver | kFeaturesOk | kDriverOk);
        driver.ring();
        return driver.reset();
    });
}

}  // namespace

bool prepare_flight_cases() {
    area = take_pages(kPages);
    return area != 0;
}

void flight_cases(Bench& bench, const FlightCounts& counts) {
    bench.begin("in flight");
    if (realm().active) {
        if (bench.device().type() == kBlock) data_conversions(bench, counts.conversions);
        queue_conversions(bench, (counts.conversions + 2) / 3);
        early_conversions(bench);
    }
    resets(bench, counts.resets);
    bench.end();
}

}  // namespace guest::hostile
