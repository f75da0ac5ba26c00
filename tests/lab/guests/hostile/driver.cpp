#include "driver.hpp"

#include "console.hpp"
#include "cpu.hpp"
#include "pool.hpp"

namespace guest::hostile {

void pause() {
    for (volatile unsigned i = 0; i < 5000;) i = i + 1;
}

void wait_ms(std::uint64_t milliseconds) {
    const std::uint64_t deadline = now_ms() + milliseconds;
    while (now_ms() < deadline) asm volatile("yield");
}

bool Driver::open(const Transport& transport) {
    transport_ = transport;
    offered_ = transport_.offered();
    for (unsigned i = 0; i < queue_count(); ++i) {
        transport_.select_queue(i);
        most_entries_[i] = transport_.max_queue_size();
        if (!queues_[i].take_memory()) return false;
    }
    buffers_ = take_pages(kBuffers);
    return buffers_ != 0;
}

unsigned Driver::queue_count() const {
    switch (type()) {
        case kConsole:
            return 4;  // of port 0, and those of control messages
        case kVsock:
        case kNet:
            return 2;
        default:
            return 1;
    }
}

unsigned Driver::request_queue() const {
    return queue_count() == 1 ? 0 : 1;
}

bool Driver::reset() {
    if (needs_reset_now()) ++errors_;
    transport_.set_status(0);
    const std::uint64_t deadline = now_ms() + kPatienceMs;
    while (transport_.status() != 0) {
        if (now_ms() > deadline) return false;
        pause();
    }
    return true;
}

bool Driver::agree(std::uint64_t features) const {
    transport_.set_status(kAcknowledge);
    transport_.set_status(kAcknowledge | kDriver);
    transport_.accept(features);
    transport_.set_status(kAcknowledge | kDriver | kFeaturesOk);
    return (transport_.status() & kFeaturesOk) != 0;
}

void Driver::prepare(unsigned queue, std::uint16_t entries) {
    transport_.select_queue(queue);
    Queue& q = queues_[queue];
    q.clear(entries < most_entries_[queue] ? entries
                                           : static_cast<std::uint16_t>(most_entries_[queue]));
    transport_.set_queue_size(q.size());
    for (const Area area : kAreas) transport_.set_queue_area(area, q.area(area));
}

void Driver::set_up(unsigned queue, std::uint16_t entries) {
    prepare(queue, entries);
    transport_.set_queue_ready(1);
}

void Driver::set_up(unsigned queue, Area moved, std::uint64_t address) {
    prepare(queue, Queue::kMostEntries);
    transport_.set_queue_area(moved, address);
    transport_.set_queue_ready(1);
}

void Driver::set_up_queues() {
    for (unsigned i = 0; i < queue_count(); ++i) set_up(i);
}

void Driver::add_status(std::uint8_t bits) const {
    transport_.set_status(static_cast<std::uint8_t>(transport_.status() | bits));
}

bool Driver::start() {
    if (!reset() || !agree(wanted_features())) return false;
    set_up_queues();
    add_status(kDriverOk);
    return true;
}

void Driver::submit(unsigned queue, const Request& request) {
    request.put_into(queues_[queue].table());
    queues_[queue].offer(0);
    ring(queue);
}

void Driver::ring(unsigned queue) {
    barrier();
    transport_.notify(queue);
}

bool Driver::needs_reset_now() const {
    // All ones: nobody answers there.
    const std::uint8_t status = transport_.status();
    return (status & kNeedsReset) != 0 && status != 0xff;
}

bool Driver::needs_reset() const {
    const std::uint64_t deadline = now_ms() + kPatienceMs;
    while (!needs_reset_now()) {
        if (now_ms() > deadline) return false;
        pause();
    }
    return true;
}

void put(const Driver& driver) {
    switch (driver.type()) {
        case kNet:
            guest::put("net");
            break;
        case kBlock:
            guest::put("blk");
            break;
        case kConsole:
            guest::put("console");
            break;
        case kRng:
            guest::put("rng");
            break;
        default:
            guest::put("vsock");
    }
    guest::put(driver.transport().is_pci() ? " pci." : " mmio.");
    guest::put(Decimal{driver.transport().place()});
}

}  // namespace guest::hostile
