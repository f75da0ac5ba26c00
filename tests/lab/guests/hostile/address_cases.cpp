// Every part of a request at every bad address; and indirect tables there.
#include "bad_addresses.hpp"
#include "cases.hpp"
#include "pool.hpp"
#include "requests.hpp"

namespace guest::hostile {
namespace {

constexpr unsigned kTableBuffer = 3;

struct PartNames {
    char name[8];
};
constexpr PartNames kParts[Request::kMost] = {"part 0", "part 1", "part 2", "part 3"};

/// The request with one of its parts elsewhere.
Request moved(const Driver& driver, unsigned part, Bad bad) {
    Request request = good_request(driver);
    Descriptor& descriptor = request.parts[part];
    // One byte has no halves, and no end that is not its own.
    if (descriptor.length < 2) descriptor.length = 16;
    descriptor.address = address_of(bad, descriptor.length);
    return request;
}

void direct_parts(Bench& bench) {
    Driver& driver = bench.device();
    const unsigned parts = good_request(driver).count;
    for (unsigned part = 0; part < parts; ++part) {
        for_each_bad_address([&](const char* name, Bad bad) {
            bench.breaks({"address", kParts[part].name, name},
                         [&] { driver.submit(moved(driver, part, bad)); });
        });
    }
}

/// A descriptor of a table with the request, which is where it should be or elsewhere.
Request indirect(const Driver& driver, const Request& request, std::uint64_t table) {
    request.put_into(driver.buffer(kTableBuffer));
    return Request{}.add(table, request.count * sizeof(Descriptor), kIndirect);
}

void indirect_parts(Bench& bench) {
    Driver& driver = bench.device();
    const std::uint64_t table = driver.buffer(kTableBuffer);
    const unsigned part = data_part(driver);
    bench.harmless({"indirect, all right"}, [&] {
        driver.submit(indirect(driver, good_request(driver), table));
        Used used{};
        return wait_used(driver, used);
    });
    for_each_bad_address([&](const char* name, Bad bad) {
        bench.breaks({"address", "in an indirect table", name},
                     [&] { driver.submit(indirect(driver, moved(driver, part, bad), table)); });
    });
    for_each_bad_address([&](const char* name, Bad bad) {
        bench.breaks({"address", "of an indirect table", name}, [&] {
            const Request request = good_request(driver);
            const auto size = static_cast<std::uint32_t>(request.count * sizeof(Descriptor));
            driver.submit(indirect(driver, request, address_of(bad, size)));
        });
    });
}

}  // namespace

void address_cases(Bench& bench) {
    bench.begin_common("addresses");
    direct_parts(bench);
    indirect_parts(bench);
    bench.end();
}

}  // namespace guest::hostile
