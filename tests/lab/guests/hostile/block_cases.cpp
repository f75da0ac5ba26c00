// Requests of virtio-blk that are wrong: each is answered with a status, but for those that have
// no place for one. Source: virtio 1.3, section 5.2.6.
#include <initializer_list>

#include "cases.hpp"
#include "cpu.hpp"
#include "pool.hpp"
#include "requests.hpp"

namespace guest::hostile {
namespace {

constexpr std::uint32_t kFlush = 4;
constexpr std::uint32_t kGetId = 8;

/// The status that the device answers with.
std::uint8_t answer_to(Driver& driver, const Request& request) {
    driver.submit(request);
    Used used{};
    return wait_used(driver, used) ? block_status(driver) : kBlockUntouched;
}

void expect(Bench& bench, const Name& name, std::uint8_t status, std::uint32_t type,
            std::uint64_t sector, std::uint32_t size) {
    Driver& driver = bench.device();
    bench.harmless(name, [&] {
        return answer_to(driver, block_request(driver, type, sector, driver.buffer(1), size)) ==
               status;
    });
}

void no_request(Bench& bench) {
    Driver& driver = bench.device();
    for (const std::uint32_t size : {std::uint32_t{1}, kBlockHeader - 1}) {
        bench.breaks({"a header", "that is too short"}, [&] {
            Request request = good_request(driver);
            request.parts[0].length = size;
            driver.submit(request);
        });
    }
    bench.breaks({"no header"}, [&] {
        good_request(driver);
        driver.submit(Request{}.add(driver.buffer(1), kSector, kWrite));
    });
    bench.breaks({"no status"}, [&] {
        good_request(driver);
        driver.submit(Request{}.add(driver.buffer(0), kBlockHeader));
    });
    bench.breaks({"no status", "of a write"}, [&] {
        write_block_header(driver.buffer(0), kBlockWrite, 0);
        driver.submit(Request{}.add(driver.buffer(0), kBlockHeader).add(driver.buffer(1), kSector));
    });
}

void transfers(Bench& bench) {
    const std::uint64_t end = block_sectors(bench.device());
    constexpr std::uint8_t kError = kBlockIoError;
    for (const std::uint32_t type : {kBlockRead, kBlockWrite}) {
        const char* const how = type == kBlockRead ? "read" : "written";
        expect(bench, {"sectors", how, "behind the end"}, kError, type, end, kSector);
        expect(bench, {"sectors", how, "over the end"}, kError, type, end - 1, 2 * kSector);
        expect(bench, {"sectors", how, "far behind"}, kError, type, end << 20, kSector);
        expect(bench, {"sectors", how, "the last that there could be"}, kError, type,
               ~std::uint64_t{0}, kSector);
        expect(bench, {"sectors", how, "wrapping around 2^64 bytes"}, kError, type,
               (std::uint64_t{1} << 55) + 1, kSector);
        expect(bench, {"sectors", how, "none"}, kError, type, 0, 0);
        expect(bench, {"sectors", how, "a part of one"}, kError, type, 0, 100);
        expect(bench, {"sectors", how, "one and a bit"}, kError, type, 0, kSector + 1);
    }
}

void other_types(Bench& bench) {
    Driver& driver = bench.device();
    for (const std::uint32_t type : {2U, 3U, 5U, 6U, 7U, 9U, 12U, 14U, 0x100U, 0xffff'ffffU}) {
        expect(bench, {"a type that is not known"}, kBlockUnsupported, type, 0, kSector);
    }
    expect(bench, {"a flush", "with data"}, kBlockOk, kFlush, 0, kSector);
    bench.harmless({"an ID", "in less room than it needs"}, [&] {
        write_block_header(driver.buffer(0), kGetId, 0);
        fill(driver.buffer(2), 8, ~std::uint64_t{0});
        return answer_to(driver, Request{}
                                     .add(driver.buffer(0), kBlockHeader)
                                     .add(driver.buffer(1), 3, kWrite)
                                     .add(driver.buffer(2), 1, kWrite)) == kBlockOk;
    });
}

struct BadRange {
    std::uint64_t sector;
    std::uint32_t sectors;
    std::uint32_t flags;
    std::uint32_t size;  // bytes that are there
    std::uint8_t status;
    char name[28];
};
constexpr BadRange kBadRanges[] = {
    {0, 0, 0, kBlockRange, kBlockIoError, "no sectors"},
    {0, 0xffff'ffff, 0, kBlockRange, kBlockIoError, "2 TiB"},
    {~std::uint64_t{0}, 8, 0, kBlockRange, kBlockIoError, "the last there could be"},
    {~std::uint64_t{0} - 3, 8, 0, kBlockRange, kBlockIoError, "wraps around"},
    {0, 8, 0xffff'fffe, kBlockRange, kBlockUnsupported, "flags that are not known"},
    {0, 8, 0, 0, kBlockIoError, "no range"},
    {0, 8, 0, kBlockRange - 1, kBlockIoError, "a part of a range"},
    {0, 8, 0, kBlockRange + 8, kBlockIoError, "a range and a half"},
    {0, 8, 0, 4096, kBlockIoError, "256 ranges"},
};

void ranges(Bench& bench) {
    Driver& driver = bench.device();
    for (const std::uint32_t type : {kBlockDiscard, kBlockWriteZeroes}) {
        for (const BadRange& bad : kBadRanges) {
            const char* const how = type == kBlockDiscard ? "discarded" : "zeroed";
            bench.harmless({"a range", how, bad.name}, [&] {
                fill(driver.buffer(1), kPage, 0);
                mmio_write64(driver.buffer(1), bad.sector);
                mmio_write32(driver.buffer(1) + 8, bad.sectors);
                mmio_write32(driver.buffer(1) + 12, bad.flags);
                sync_caches(reinterpret_cast<const void*>(driver.buffer(1)), kBlockRange);
                return answer_to(driver, block_request(driver, type, 0, driver.buffer(1),
                                                       bad.size)) == bad.status;
            });
        }
    }
}

}  // namespace

void block_cases(Bench& bench) {
    no_request(bench);
    transfers(bench);
    other_types(bench);
    ranges(bench);
}

}  // namespace guest::hostile
