// hostile: a virtio driver that does everything wrong, to every device that the machine has. The
// device must say that it needs a reset, or answer with an error; after a reset it must work
// again; and all the time another device must work.
//
// Its output: "hostile: DEVICE GROUP: ok N cases", or for each case that went wrong
// "hostile: DEVICE GROUP: FAIL CASE: why"; of each device how often it needed a reset; and
// "hostile: end". Then it powers off, with requests in flight.
//
// Its command line: conversions=N and resets=N, how often memory becomes private, and devices are
// reset, with requests in flight; races=N, how often a request is made of what another CPU changes
// meanwhile (12, 50 and 20 if they are not there); sample=N, of the cases that are the same for all
// devices each has one in N to go through, and together they have all; only=N, one device, counted
// from 0; scrubbed, pages that become shared hold zeros here.
#include "bad_addresses.hpp"
#include "calls.hpp"
#include "cases.hpp"
#include "cpu.hpp"
#include "pool.hpp"
#include "requests.hpp"
#include "rsi.hpp"
#include "runtime.hpp"

namespace guest {
namespace hostile {
namespace {

Found found;
Driver drivers[kMaxDevices];

/// Every device works; false if one does not.
bool open_devices() {
    if (!take_pool() || !prepare_bad_addresses() || !prepare_flight_cases()) {
        print_line("hostile: FAIL: no memory to share");
        return false;
    }
    if (!find_devices(found) || found.count == 0) {
        print_line("hostile: FAIL: no devices, or too many");
        return false;
    }
    for (std::size_t i = 0; i < found.count; ++i) {
        const bool good =
            drivers[i].open(found.devices[i]) && drivers[i].start() && works(drivers[i]);
        if (good) continue;
        print_line("hostile: ", drivers[i], ": FAIL the device does not work");
        return false;
    }
    return true;
}

/// Another device than this: the source of random bytes, if it can be.
Driver* witness_for(std::size_t index) {
    Driver* witness = nullptr;
    for (std::size_t i = 0; i < found.count; ++i) {
        if (i == index) continue;
        if (witness == nullptr || drivers[i].type() == kRng) witness = &drivers[i];
    }
    return witness;
}

void torment(std::size_t index, const FlightCounts& counts, std::uint64_t step) {
    const std::uint64_t start = now_ms();
    Bench bench(drivers[index], witness_for(index), {.step = step, .first = index % step});
    address_cases(bench);
    ring_cases(bench);
    setup_cases(bench);
    queue_area_cases(bench);
    access_cases(bench);
    if (drivers[index].transport().is_pci()) pci_cases(bench, found);
    request_cases(bench);
    flight_cases(bench, counts);
    race_cases(bench, counts.races);
    print_line("hostile: ", drivers[index], ": needed ", Decimal{drivers[index].errors()},
               " resets, took ", Decimal{now_ms() - start}, " ms");
}

}  // namespace
}  // namespace hostile

std::uint64_t guest_main() {
    using namespace hostile;
    FlightCounts counts{.conversions = 12, .resets = 50, .races = 20};
    number_argument("conversions=", counts.conversions);
    number_argument("resets=", counts.resets);
    number_argument("races=", counts.races);
    std::uint64_t step = 1;
    if (number_argument("sample=", step) && step == 0) step = 1;
    std::uint64_t only = kMaxDevices;
    number_argument("only=", only);
    print_line("hostile: ", realm().active ? "a realm" : "an ordinary VM");
    if (open_devices()) {
        for (std::size_t i = 0; i < found.count; ++i) {
            if (only == kMaxDevices || only == i) torment(i, counts, step);
        }
    }
    print_line("hostile: end");
    for (std::size_t i = 0; i < found.count; ++i) drivers[i].submit(good_request(drivers[i]));
    psci(kPsciSystemOff);
    return 0;
}

}  // namespace guest
