// Registers, doorbells and the configuration space, accessed as nobody should.
#include <initializer_list>

#include "access.hpp"
#include "cases.hpp"
#include "requests.hpp"

namespace guest::hostile {
namespace {

constexpr unsigned kConfigSpan = 128;  // more than any of them has

/// Bytes of the type's configuration space.
unsigned config_size(const Driver& driver) {
    switch (driver.type()) {
        case kBlock:
            return 60;
        case kConsole:
        case kNet:
            return 12;
        case kVsock:
            return 8;
        default:
            return 0;
    }
}

/// The same bytes, however they are read; behind the end there are zeros.
bool config_is_consistent(const Driver& driver, std::uint8_t (&bytes)[kConfigSpan]) {
    const std::uint64_t config = driver.transport().config();
    for (unsigned i = 0; i < kConfigSpan; ++i) {
        bytes[i] = mmio_read8(config + i);
        if (i >= config_size(driver) && bytes[i] != 0) return false;
    }
    for (const unsigned size : kSizes) {
        for (unsigned at = 0; at < kConfigSpan; at += size) {
            std::uint64_t expected = 0;
            for (unsigned i = size; i-- > 0;) expected = expected << 8 | bytes[at + i];
            if (read_sized(config + at, size) != expected) return false;
        }
    }
    return true;
}

void configuration(Bench& bench) {
    const Driver& driver = bench.device();
    if (driver.transport().config() == 0) return;
    static std::uint8_t before[kConfigSpan];
    static std::uint8_t after[kConfigSpan];
    bench.harmless({"configuration space", "read at all offsets and sizes"},
                   [&] { return config_is_consistent(driver, before); });
    bench.harmless({"configuration space", "written at all offsets and sizes"}, [&] {
        for (const unsigned size : kSizes) {
            for (unsigned at = 0; at < kConfigSpan; at += size) {
                write_sized(driver.transport().config() + at, size, ones(size));
                write_sized(driver.transport().config() + at, size, 0);
            }
        }
        if (!config_is_consistent(driver, after)) return false;
        for (unsigned i = 0; i < kConfigSpan; ++i) {
            if (after[i] != before[i]) return false;
        }
        return true;
    });
}

/// Calls action(address, size) for the accesses to registers that mean nothing.
template <class Action>
void for_each_odd_access(const Transport& transport, Action action) {
    for (const unsigned size : kSizes) {
        for (std::uint64_t at = 0; at < transport.register_span(); at += size) {
            if (!transport.is_register(at, size)) action(transport.base() + at, size);
        }
    }
}

void odd_sizes(Bench& bench) {
    const Driver& driver = bench.device();
    bench.harmless({"registers", "read at odd sizes"}, [&] {
        bool all_zero = true;
        for_each_odd_access(driver.transport(), [&](std::uint64_t address, unsigned size) {
            if (read_sized(address, size) != 0) all_zero = false;
        });
        return all_zero;
    });
    // A zero in the status would be a reset.
    bench.harmless({"registers", "zeros written at odd sizes"}, [&] {
        for_each_odd_access(driver.transport(), [](std::uint64_t address, unsigned size) {
            write_sized(address, size, 0);
        });
        return true;
    });
    bench.harmless({"registers", "ones written at odd sizes"}, [&] {
        for_each_odd_access(driver.transport(), [](std::uint64_t address, unsigned size) {
            write_sized(address, size, ones(size));
        });
        return true;
    });
}

/// What may be read at any time, whatever it is.
void reads_everything(Bench& bench) {
    const Driver& driver = bench.device();
    bench.harmless({"registers", "all read at all sizes"}, [&] {
        for (const unsigned size : kSizes) {
            for (std::uint64_t at = 0; at < driver.transport().register_span(); at += size)
                read_sized(driver.transport().base() + at, size);
        }
        return true;
    });
}

void doorbells(Bench& bench) {
    Driver& driver = bench.device();
    const Transport& transport = driver.transport();
    bench.harmless({"doorbell", "of queues that do not exist"}, [&] {
        for (const std::uint32_t queue : {63U, 64U, 0x8000U, 0xffffU}) transport.notify(queue);
        if (!transport.is_pci()) {
            for (const std::uint32_t queue : {0x1'0000U, 0x8000'0000U, 0xffff'ffffU})
                transport.notify(queue);
            return true;
        }
        for (const unsigned size : kSizes) {
            for (std::uint64_t at = 0; at < 0x120; at += size)
                write_sized(transport.pci().notify_base() + at, size, ones(size));
            write_sized(transport.pci().notify_base() + kPage - size, size, ones(size));
        }
        return true;
    });
    bench.harmless({"doorbell", "read"}, [&] {
        if (!transport.is_pci()) return true;
        for (const unsigned size : kSizes) read_sized(transport.pci().notify_base(), size);
        return true;
    });
    bench.harmless({"doorbell", "1000 times for nothing"}, [&] {
        for (unsigned i = 0; i < 1000; ++i) driver.ring(i % driver.queue_count());
        return true;
    });
    bench.harmless({"interrupt status", "read at all sizes, and written"}, [&] {
        const std::uint64_t at = transport.is_pci() ? transport.pci().isr() : transport.base();
        for (const unsigned size : kSizes) {
            read_sized(at, size);
            write_sized(at, size, ones(size));
        }
        return true;
    });
}

}  // namespace

void access_cases(Bench& bench) {
    bench.begin("registers");
    configuration(bench);
    odd_sizes(bench);
    reads_everything(bench);
    unaligned_cases(bench);
    doorbells(bench);
    bench.end();
}

}  // namespace guest::hostile
