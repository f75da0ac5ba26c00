// Chains of wrong shape, and rings that say what cannot be.
#include "cases.hpp"
#include "pool.hpp"
#include "requests.hpp"

namespace guest::hostile {
namespace {

constexpr unsigned kTableBuffer = 3;
constexpr std::uint32_t kEntry = sizeof(Descriptor);
constexpr std::uint32_t kLargest = 0xffff'ffff;

// Lengths of a part, and of an indirect table. What is at the end of the latter is the pool's.
struct Length {
    std::uint32_t length;
    char name[28];
};
constexpr Length kBadLengths[] = {
    {0, "no bytes"},
    {0x8000'0000, "2 GiB"},
    {kLargest, "4 GiB - 1"},
};
constexpr Length kBadTableLengths[] = {
    {0, "no bytes"},
    {1, "1 byte"},
    {kEntry - 1, "15 bytes"},
    {kEntry + 1, "17 bytes"},
    {kEntry + 8, "24 bytes"},
    {kEntry * 1025, "1025 entries"},
    {kEntry * 0x10001, "65537 entries"},
    {0xffff'fff0, "4 GiB - 16"},
    {kLargest, "4 GiB - 1"},
};

void part_lengths(Bench& bench) {
    Driver& driver = bench.device();
    for (const Length& bad : kBadLengths) {
        const unsigned parts = good_request(driver).count;
        for (unsigned part = 0; part < parts; ++part) {
            bench.breaks({"length of a part", bad.name}, [&] {
                Request request = good_request(driver);
                request.parts[part].length = bad.length;
                driver.submit(request);
            });
        }
    }
}

/// Puts the good request into the queue, changes one descriptor, and makes it available.
template <class Change>
void submit_changed(Driver& driver, unsigned index, Change change) {
    const Request request = good_request(driver);
    request.put_into(driver.requests().table());
    Descriptor descriptor = request.parts[index];
    change(descriptor);
    put_descriptor(driver.requests().table(), index, descriptor);
    driver.requests().offer(0);
    driver.ring();
}

void links(Bench& bench) {
    Driver& driver = bench.device();
    const unsigned last = good_request(driver).count - 1;
    const auto link = [&](const char* name, std::uint16_t next) {
        bench.breaks({"the last part goes on", name}, [&] {
            submit_changed(driver, last, [&](Descriptor& d) {
                d.flags |= kNext;
                d.next = next;
            });
        });
    };
    const std::uint16_t size = driver.requests().size();
    link("to the first", 0);
    link("to itself", static_cast<std::uint16_t>(last));
    link("right behind the table", size);
    link("to 65535", 0xffff);
    link("into zeros", static_cast<std::uint16_t>(size - 1));
}

void heads(Bench& bench) {
    Driver& driver = bench.device();
    const auto head = [&](const char* name, std::uint16_t index) {
        bench.breaks({"the head is", name}, [&] {
            good_request(driver).put_into(driver.requests().table());
            driver.requests().offer(index);
            driver.ring();
        });
    };
    head("right behind the table", driver.requests().size());
    head("65535", 0xffff);
}

void indices(Bench& bench) {
    Driver& driver = bench.device();
    const auto move = [&](const char* name, int distance) {
        bench.breaks({"the available index moves by", name}, [&] {
            Queue& queue = driver.requests();
            good_request(driver).put_into(queue.table());
            queue.set_index(static_cast<std::uint16_t>(queue.index() + distance));
            driver.ring();
        });
    };
    move("-1", -1);
    move("the queue's size + 1", driver.requests().size() + 1);
    move("32768", 32768);
    move("- the queue's size", -static_cast<int>(driver.requests().size()));
}

void directions(Bench& bench) {
    Driver& driver = bench.device();
    bench.breaks({"the direction of all parts is wrong"}, [&] {
        Request request = good_request(driver);
        for (Descriptor& part : request.parts) part.flags ^= kWrite;
        driver.submit(request);
    });
    bench.breaks({"a part to read behind one to write"}, [&] {
        driver.submit(Request{}
                          .add(driver.buffer(0), 64)
                          .add(driver.buffer(1), 512, kWrite)
                          .add(driver.buffer(2), 64));
    });
    bench.breaks({"a part to read behind one to write", "at once"}, [&] {
        driver.submit(Request{}.add(driver.buffer(1), 512, kWrite).add(driver.buffer(0), 64));
    });
}

void indirect_lengths(Bench& bench) {
    Driver& driver = bench.device();
    const std::uint64_t table = driver.buffer(kTableBuffer);
    for (const Length& bad : kBadTableLengths) {
        bench.breaks({"length of an indirect table", bad.name}, [&] {
            good_request(driver).put_into(table);
            driver.submit(Request{}.add(table, bad.length, kIndirect));
        });
    }
    // Shared memory as far as it says: so it is the length that is wrong.
    bench.breaks({"length of an indirect table", "1025 entries, all there"},
                 [&] { driver.submit(Request{}.add(spare(), kEntry * 1025, kIndirect)); });
}

/// An indirect table whose last entry was changed; `flags` are those of the descriptor that names
/// it.
template <class Change>
void submit_table(Driver& driver, std::uint16_t flags, Change change) {
    const std::uint64_t table = driver.buffer(kTableBuffer);
    const Request request = good_request(driver);
    request.put_into(table);
    const unsigned last = request.count - 1;
    Descriptor descriptor = request.parts[last];
    change(descriptor, last);
    put_descriptor(table, last, descriptor);
    driver.submit(Request{}.add(table, request.count * kEntry, flags));
}

void indirect_shapes(Bench& bench) {
    Driver& driver = bench.device();
    const std::uint64_t table = driver.buffer(kTableBuffer);
    bench.breaks({"INDIRECT and NEXT"},
                 [&] { submit_table(driver, kIndirect | kNext, [](Descriptor&, unsigned) {}); });
    bench.breaks({"an indirect table in an indirect table"}, [&] {
        submit_table(driver, kIndirect,
                     [&](Descriptor& d, unsigned) { d = {table, kEntry, kIndirect, 0}; });
    });
    bench.breaks({"an indirect table", "goes on behind its end"}, [&] {
        submit_table(driver, kIndirect, [](Descriptor& d, unsigned last) {
            d.flags |= kNext;
            d.next = static_cast<std::uint16_t>(last + 1);
        });
    });
    bench.breaks({"an indirect table", "goes on at 65535"}, [&] {
        submit_table(driver, kIndirect, [](Descriptor& d, unsigned) {
            d.flags |= kNext;
            d.next = 0xffff;
        });
    });
    bench.breaks({"an indirect table", "loops"}, [&] {
        submit_table(driver, kIndirect, [](Descriptor& d, unsigned) { d.flags |= kNext; });
    });
    bench.harmless({"an indirect table", "for writing: the flag has no meaning"}, [&] {
        submit_table(driver, kIndirect | kWrite, [](Descriptor&, unsigned) {});
        Used used{};
        return wait_used(driver, used);
    });
}

/// The device may take what it is told, but stays in the memory that it was given.
void overlaps(Bench& bench) {
    Driver& driver = bench.device();
    const unsigned part = data_part(driver);
    const bool writes = (good_request(driver).parts[part].flags & kWrite) != 0;
    for (const Area area : kAreas) {
        if (!writes) break;
        bench.recovers({"the device writes over the queue itself"}, [&] {
            Request request = good_request(driver);
            request.parts[part].address = driver.requests().area(area);
            driver.submit(request);
            wait_ms(kQuietMs);
            return true;
        });
    }
    bench.recovers({"one chain, made available twice"}, [&] {
        good_request(driver).put_into(driver.requests().table());
        driver.requests().offer(0);
        driver.requests().offer(0);
        driver.ring();
        Used used{};
        return wait_used(driver, used) && wait_used(driver, used);
    });
}

}  // namespace

void ring_cases(Bench& bench) {
    bench.begin_common("rings");
    part_lengths(bench);
    links(bench);
    heads(bench);
    indices(bench);
    directions(bench);
    indirect_lengths(bench);
    indirect_shapes(bench);
    overlaps(bench);
    bench.end();
}

}  // namespace guest::hostile
