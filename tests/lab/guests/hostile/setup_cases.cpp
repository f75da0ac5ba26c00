// Features that a device must refuse, status bits in the wrong order, queues that are not there.
#include <initializer_list>

#include "cases.hpp"
#include "requests.hpp"

namespace guest::hostile {
namespace {

/// Makes a request, and waits for what must not happen: that the device takes it.
bool stays_quiet(Driver& driver) {
    driver.submit(good_request(driver));
    wait_ms(kQuietMs);
    return driver.requests().used_index() == 0;
}

/// Reset, and FEATURES_OK with these; then goes on as if that had been right.
bool is_refused(Driver& driver, std::uint64_t features) {
    if (!driver.reset() || driver.agree(features)) return false;
    driver.set_up_queues();
    driver.add_status(kDriverOk);
    return stays_quiet(driver);
}

void features(Bench& bench) {
    Driver& driver = bench.device();
    const std::uint64_t wanted = driver.wanted_features();
    const auto refused = [&](const char* name, std::uint64_t features) {
        bench.recovers({"features", name}, [&] { return is_refused(driver, features); });
    };
    refused("without VERSION_1", wanted & ~kVersion1);
    refused("without ACCESS_PLATFORM", wanted & ~kAccessPlatform);
    refused("none", 0);
    refused("all that there could be", ~std::uint64_t{0});
    for (unsigned bit = 24; bit < 64; bit += 13) {
        const std::uint64_t feature = std::uint64_t{1} << bit;
        if ((driver.offered_features() & feature) == 0)
            refused("one that is not offered", wanted | feature);
    }
    bench.harmless({"features", "words that there are not"}, [&] {
        const Transport& transport = driver.transport();
        for (const std::uint32_t word : {2U, 3U, 0x8000'0000U, 0xffff'ffffU}) {
            if (transport.offered_word(word) != 0) return false;
            transport.accept_word(word, 0xffff'ffff);
        }
        return true;
    });
}

void feature_order(Bench& bench) {
    Driver& driver = bench.device();
    bench.harmless({"features", "changed after FEATURES_OK"}, [&] {
        if (!driver.reset() || !driver.agree(driver.wanted_features())) return false;
        driver.transport().accept(0);
        driver.set_up_queues();
        driver.add_status(kDriverOk);
        driver.transport().accept(~std::uint64_t{0});
        return true;
    });
    bench.harmless({"features", "EVENT_IDX, with events that never come"}, [&] {
        if (!driver.reset() || !driver.agree(driver.offered_features())) return false;
        driver.set_up_queues();
        driver.requests().set_event(0x7fff);
        driver.add_status(kDriverOk);
        return true;
    });
    bench.breaks({"an indirect table", "that was not negotiated"}, [&] {
        if (!driver.reset()) return;
        driver.agree(driver.wanted_features() & ~kIndirectDescriptors);
        driver.set_up_queues();
        driver.add_status(kDriverOk);
        good_request(driver).put_into(driver.buffer(3));
        driver.submit(Request{}.add(driver.buffer(3), sizeof(Descriptor), kIndirect));
    });
}

void status_order(Bench& bench) {
    Driver& driver = bench.device();
    const Transport& transport = driver.transport();
    bench.recovers({"status", "DRIVER_OK without FEATURES_OK"}, [&] {
        if (!driver.reset()) return false;
        driver.set_up_queues();
        driver.add_status(kAcknowledge | kDriver | kDriverOk);
        return stays_quiet(driver);
    });
    bench.recovers({"status", "DRIVER_OK before FEATURES_OK"}, [&] {
        if (!driver.reset()) return false;
        driver.set_up_queues();
        driver.add_status(kDriverOk);
        driver.agree(driver.wanted_features());
        wait_ms(kQuietMs);
        return true;
    });
    bench.recovers({"status", "all bits at once"}, [&] {
        if (!driver.reset()) return false;
        transport.set_status(0xff);
        wait_ms(kQuietMs);
        return (transport.status() & kNeedsReset) == 0;
    });
    bench.harmless({"status", "bits taken back"}, [&] {
        transport.set_status(kAcknowledge);
        transport.set_status(kAcknowledge | kDriver | kFeaturesOk);
        return (transport.status() & kDriverOk) != 0;
    });
    bench.harmless({"status", "DRIVER_OK again and again"}, [&] {
        for (unsigned i = 0; i < 100; ++i) driver.add_status(kDriverOk);
        return true;
    });
    bench.harmless({"status", "DEVICE_NEEDS_RESET from the driver"}, [&] {
        driver.add_status(kNeedsReset);
        return !driver.needs_reset_now();
    });
    bench.recovers({"status", "FAILED"}, [&] {
        driver.add_status(kFailed);
        return (transport.status() & kFailed) != 0;
    });
}

/// Around the ring more than once: it has as many entries as it was set up with.
bool goes_around(Driver& driver) {
    driver.add_status(kDriverOk);
    for (unsigned i = 0; i < 10; ++i) {
        if (!works(driver)) return false;
    }
    return true;
}

void queue_sizes(Bench& bench) {
    Driver& driver = bench.device();
    const Transport& transport = driver.transport();
    const auto set_bad_sizes = [&](std::uint32_t most) {
        for (const std::uint32_t bad : {0U, 3U, 5U, 2 * most, most + 1, 0x8000U, 0xffffU})
            transport.set_queue_size(bad);
    };
    for (const bool ready_first : {false, true}) {
        bench.harmless({"queue size", "none that there could be"}, [&] {
            if (!driver.reset() || !driver.agree(driver.wanted_features())) return false;
            for (unsigned i = 0; i < driver.queue_count(); ++i) {
                driver.prepare(i, 4);
                if (ready_first) transport.set_queue_ready(1);
                set_bad_sizes(driver.most_entries(i));
                transport.set_queue_ready(1);
            }
            return goes_around(driver);
        });
    }
}

void missing_queues(Bench& bench) {
    Driver& driver = bench.device();
    const Transport& transport = driver.transport();
    for (unsigned left_out = 0; left_out <= driver.queue_count(); ++left_out) {
        bench.recovers({"queues", "one is not set up, or none"}, [&] {
            if (!driver.reset() || !driver.agree(driver.wanted_features())) return false;
            for (unsigned i = 0; i < driver.queue_count(); ++i) {
                driver.queue(i).clear(4);
                if (i != left_out && left_out != driver.queue_count()) driver.set_up(i);
            }
            driver.add_status(kDriverOk);
            driver.submit(good_request(driver));
            for (unsigned i = 0; i < driver.queue_count(); ++i) driver.ring(i);
            wait_ms(kQuietMs);
            return !driver.needs_reset_now();
        });
    }
    bench.harmless({"queues", "that do not exist"}, [&] {
        for (const std::uint32_t queue : {64U, 0x7fffU, 0xffffU}) {
            transport.select_queue(queue);
            if (transport.max_queue_size() != 0 || transport.queue_ready()) return false;
            transport.set_queue_size(8);
            for (const Area area : kAreas) transport.set_queue_area(area, driver.buffer(0));
            transport.set_queue_ready(1);
            if (transport.queue_ready()) return false;
        }
        return true;
    });
    bench.harmless({"queues", "changed while they work"}, [&] {
        for (unsigned i = 0; i < driver.queue_count(); ++i) {
            transport.select_queue(i);
            transport.set_queue_ready(0);
            transport.set_queue_size(1);
            for (const Area area : kAreas) transport.set_queue_area(area, 0xdead'0000);
            if (!transport.queue_ready()) return false;
        }
        return true;
    });
}

}  // namespace

void setup_cases(Bench& bench) {
    bench.begin_common("setup");
    features(bench);
    feature_order(bench);
    status_order(bench);
    queue_sizes(bench);
    missing_queues(bench);
    bench.end();
}

}  // namespace guest::hostile
