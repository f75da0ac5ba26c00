#include "devices/virtio/queue.hpp"

#include <bit>
#include <utility>

#include "devices/virtio/guest_word.hpp"

namespace rvmm::devices::virtio {
namespace {

constexpr std::size_t kDescriptorSize = 16;
constexpr std::uint16_t kNext = 1U << 0;
constexpr std::uint16_t kWrite = 1U << 1;
constexpr std::uint16_t kIndirect = 1U << 2;

// Both rings: flags, index, entries, and the event index of the other side at the end.
constexpr std::size_t kRingFlags = 0;
constexpr std::size_t kRingIndex = 2;
constexpr std::size_t kRingEntries = 4;
constexpr std::size_t kAvailableEntry = 2;
constexpr std::size_t kUsedEntry = 8;
constexpr std::size_t kEventSize = 2;
constexpr std::uint16_t kNoInterrupt = 1U << 0;  // in the driver's flags
constexpr std::uint16_t kNoNotify = 1U << 0;     // in the device's

constexpr std::size_t ring_size(std::uint16_t entries, std::size_t entry) {
    return kRingEntries + entries * entry + kEventSize;
}

/// Virtio 1.3, section 2.7.7.2: whether moving an index from `before` to `now` passes `event`.
constexpr bool passes(std::uint16_t event, std::uint16_t now, std::uint16_t before) {
    return static_cast<std::uint16_t>(now - event - 1) < static_cast<std::uint16_t>(now - before);
}

}  // namespace

Result<Queue> Queue::create(SharedMemory& memory, std::string_view holder,
                            const QueueSetup& setup) {
    if (!std::has_single_bit(setup.size) || setup.size > 32768)
        return fail(Stage::kGuest, "{}: a queue of {} entries", holder, setup.size);
    const bool aligned = is_aligned(setup.descriptors.value, 16) &&
                         is_aligned(setup.driver.value, 2) && is_aligned(setup.device.value, 4);
    if (!aligned)
        return fail(Stage::kGuest, "{}: a queue at {:#x}, {:#x} and {:#x} is not aligned", holder,
                    setup.descriptors.value, setup.driver.value, setup.device.value);
    Queue queue(memory, holder, setup);
    RVMM_CHECK(queue.begin());
    return queue;
}

std::unexpected<Error> Queue::breaks(Error error) {
    broken_ = true;
    return std::unexpected(std::move(error).with_context(fmt::format("{}: broken queue", holder_)));
}

Result<Lease> Queue::lease_area(Ipa area, std::uint64_t size, Access access) {
    auto lease = memory_->lease(area, size, access, holder_);
    if (!lease) return breaks(std::move(lease).error());
    return lease;
}

Result<Queue::Batch> Queue::begin() {
    if (broken_) return fail(Stage::kGuest, "{}: the queue is broken", holder_);
    const std::uint16_t size = setup_.size;
    RVMM_TRY(Lease descriptors,
             lease_area(setup_.descriptors, size * kDescriptorSize, Access::kRead));
    RVMM_TRY(Lease driver,
             lease_area(setup_.driver, ring_size(size, kAvailableEntry), Access::kRead));
    RVMM_TRY(Lease device, lease_area(setup_.device, ring_size(size, kUsedEntry), Access::kWrite));
    return Batch(*this, std::move(descriptors), std::move(driver), std::move(device));
}

Result<> Queue::append(Chain& chain, const Descriptor& descriptor) const {
    const auto access = (descriptor.flags & kWrite) != 0 ? Access::kWrite : Access::kRead;
    if (access == Access::kRead && chain.writable_size() > 0)
        return fail(Stage::kGuest, "a part to read follows one to write");
    if (descriptor.length == 0) return fail(Stage::kGuest, "a part of no bytes");
    const std::uint64_t total = chain.readable_size() + chain.writable_size() + descriptor.length;
    if (total > kMaxBytes) return fail(Stage::kGuest, "a chain of {} bytes and more", total);
    RVMM_TRY(Lease lease,
             memory_->lease(Ipa{descriptor.address}, descriptor.length, access, holder_));
    chain.add(std::move(lease), access);
    return {};
}

template <typename Load, typename Indirect>
Result<> Queue::walk(Chain& chain, const Table& table, const Load& load,
                     const Indirect& indirect) const {
    std::size_t index = table.first;
    for (std::size_t seen = 0; seen < table.size; ++seen) {
        if (index >= table.size)
            return fail(Stage::kGuest, "descriptor {} of {} of {}", index, table.what, table.size);
        const Descriptor descriptor = load(index);
        if ((descriptor.flags & kIndirect) != 0) return indirect(descriptor);
        RVMM_CHECK(append(chain, descriptor));
        if ((descriptor.flags & kNext) == 0) return {};
        index = descriptor.next;
    }
    return fail(Stage::kGuest, "a chain in {} that does not end", table.what);
}

Result<> Queue::append_indirect(Chain& chain, const Descriptor& last) {
    if (!setup_.indirect) return fail(Stage::kGuest, "an indirect table, which was not negotiated");
    if ((last.flags & kNext) != 0)
        return fail(Stage::kGuest, "a descriptor with both INDIRECT and NEXT");
    const std::size_t count = last.length / kDescriptorSize;
    if (count == 0 || last.length % kDescriptorSize != 0 || count > kMaxIndirect)
        return fail(Stage::kGuest, "an indirect table of {} bytes", last.length);
    indirect_.resize(last.length);
    RVMM_CHECK(memory_->read(Ipa{last.address}, indirect_));
    const auto load = [&](std::size_t index) {
        const ByteSpan at = ByteSpan(indirect_).subspan(index * kDescriptorSize, kDescriptorSize);
        return decode(load_le<std::uint64_t>(at), load_le<std::uint64_t>(at.subspan(8)));
    };
    const auto nested = [](const Descriptor&) -> Result<> {
        return fail(Stage::kGuest, "an indirect table in an indirect table");
    };
    return walk(chain, {"an indirect table", count, 0}, load, nested);
}

Queue::Descriptor Queue::decode(std::uint64_t first, std::uint64_t second) {
    return {.address = first,
            .length = static_cast<std::uint32_t>(second),
            .flags = static_cast<std::uint16_t>(second >> 32),
            .next = static_cast<std::uint16_t>(second >> 48)};
}

Result<Chain> Queue::follow(std::uint16_t head, const Lease& table) {
    std::vector<Lease> parts;
    if (!spare_parts_.empty()) {
        parts = std::move(spare_parts_.back());
        spare_parts_.pop_back();
    }
    Chain chain(head, std::move(parts));
    const auto load = [&](std::size_t index) {
        std::byte* at = table.bytes().data() + index * kDescriptorSize;
        return decode(load_word<std::uint64_t>(at), load_word<std::uint64_t>(at + 8));
    };
    const auto indirect = [&](const Descriptor& last) { return append_indirect(chain, last); };
    RVMM_CHECK(walk(chain, {"a queue", setup_.size, head}, load, indirect));
    return chain;
}

Result<std::optional<Chain>> Queue::Batch::next() {
    Queue& q = queue_;
    if (q.broken_) return std::nullopt;
    const auto available = load_word<std::uint16_t>(driver(kRingIndex), std::memory_order_acquire);
    const auto pending = static_cast<std::uint16_t>(available - q.next_available_);
    if (pending == 0) return std::nullopt;
    // A descriptor is in one chain at a time, so there are no more chains than descriptors.
    if (pending > q.setup_.size - q.in_flight_)
        return q.breaks({Stage::kGuest,
                         fmt::format("the driver's index went from {} to {} with {} chains in use",
                                     q.next_available_, available, q.in_flight_)});
    const std::size_t slot = q.next_available_ % q.setup_.size;
    const auto head = load_word<std::uint16_t>(driver(kRingEntries + slot * kAvailableEntry));
    auto chain = q.follow(head, descriptors_);
    if (!chain) return q.breaks(std::move(chain).error());
    ++q.next_available_;
    ++q.in_flight_;
    return std::optional(*std::move(chain));
}

void Queue::Batch::complete(Chain chain, std::uint32_t written) {
    fill(std::move(chain), written);
    store_word<std::uint16_t>(device(kRingIndex), queue_.next_used_, std::memory_order_release);
}

void Queue::Batch::put_back(Chain chain) {
    Queue& q = queue_;
    chain.parts_.clear();
    q.spare_parts_.push_back(std::move(chain.parts_));
    --q.next_available_;
    --q.in_flight_;
}

void Queue::Batch::fill(Chain chain, std::uint32_t written) {
    Queue& q = queue_;
    chain.parts_.clear();  // the leases end before the driver may take the memory back
    q.spare_parts_.push_back(std::move(chain.parts_));
    const std::size_t slot = q.next_used_ % q.setup_.size;
    std::byte* entry = device(kRingEntries + slot * kUsedEntry);
    store_word<std::uint32_t>(entry, chain.head_);
    store_word<std::uint32_t>(entry + 4, written);
    ++q.next_used_;
    --q.in_flight_;
}

bool Queue::Batch::wants_interrupt() {
    Queue& q = queue_;
    // The driver writes its wish, then looks at the index; here it is the other way round.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const std::uint16_t before = std::exchange(q.asked_, q.next_used_);
    if (q.next_used_ == before) return false;
    if (!q.setup_.event_idx)
        return (load_word<std::uint16_t>(driver(kRingFlags)) & kNoInterrupt) == 0;
    const std::size_t event = kRingEntries + q.setup_.size * kAvailableEntry;
    return passes(load_word<std::uint16_t>(driver(event)), q.next_used_, before);
}

void Queue::Batch::disarm() {
    // With EVENT_IDX the event index, left behind, does it.
    if (!queue_.setup_.event_idx) store_word<std::uint16_t>(device(kRingFlags), kNoNotify);
}

bool Queue::Batch::rearm() {
    const Queue& q = queue_;
    if (q.setup_.event_idx)
        store_word<std::uint16_t>(device(kRingEntries + q.setup_.size * kUsedEntry),
                                  q.next_available_);
    else
        store_word<std::uint16_t>(device(kRingFlags), 0);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return load_word<std::uint16_t>(driver(kRingIndex)) != q.next_available_;
}

}  // namespace rvmm::devices::virtio
