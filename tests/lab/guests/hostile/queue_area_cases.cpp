// Queues at every bad address, and where they may not begin.
#include "bad_addresses.hpp"
#include "cases.hpp"
#include "requests.hpp"

namespace guest::hostile {
namespace {

struct AreaName {
    char name[16];
};
constexpr AreaName kAreaNames[] = {"descriptors", "available ring", "used ring"};

const AreaName& name_of(Area area) {
    return kAreaNames[static_cast<unsigned>(area)];
}

std::uint32_t size_of(Area area, std::uint32_t entries) {
    switch (area) {
        case Area::kDescriptors:
            return 16 * entries;
        case Area::kDriver:
            return 6 + 2 * entries;
        default:
            return 6 + 8 * entries;
    }
}

/// Sets the device up with the request queue's `area` at `address`, and makes a request.
void start_with(Driver& driver, Area area, std::uint64_t address) {
    if (!driver.reset() || !driver.agree(driver.wanted_features())) return;
    for (unsigned i = 0; i < driver.queue_count(); ++i) {
        if (i != driver.request_queue()) driver.set_up(i);
    }
    driver.set_up(driver.request_queue(), area, address);
    driver.add_status(kDriverOk);
    driver.submit(good_request(driver));
}

}  // namespace

void queue_area_cases(Bench& bench) {
    bench.begin_common("queue areas");
    Driver& driver = bench.device();
    for (const Area area : kAreas) {
        const std::uint32_t size = size_of(area, driver.requests().size());
        for_each_bad_address([&](const char* name, Bad bad) {
            bench.breaks({name_of(area).name, name}, [&] {
                const std::uint64_t address = address_of(bad, size & ~15U);
                start_with(driver, area, address & ~std::uint64_t{15});
            });
        });
    }
    constexpr std::uint64_t kOff[] = {8, 1, 2};
    for (const Area area : kAreas) {
        const std::uint64_t off = kOff[static_cast<unsigned>(area)];
        bench.breaks({name_of(area).name, "not aligned"},
                     [&] { start_with(driver, area, driver.requests().area(area) + off); });
    }
    for (const Area area : kAreas) {
        bench.recovers({name_of(area).name, "over another area"}, [&] {
            const Area other = area == Area::kDevice ? Area::kDescriptors : Area::kDevice;
            start_with(driver, area, driver.requests().area(other));
            wait_ms(kQuietMs);
            return true;
        });
    }
    bench.end();
}

}  // namespace guest::hostile
