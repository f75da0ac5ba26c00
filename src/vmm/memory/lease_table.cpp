#include "vmm/memory/lease_table.hpp"

#include <algorithm>

namespace rvmm::vmm {

using devices::Access;
using devices::Lease;

Result<Lease> LeaseTable::take(IpaRange range, std::byte* host, Access access,
                               std::string_view holder) {
    const std::lock_guard lock(mutex_);
    for (const Excluded& excluded : excluded_)
        if (excluded.range.overlaps(range))
            return fail(Stage::kGuest, "{} bytes at {:#x} are about to become private",
                        range.size(), range.base().value);
    if (spare_.empty()) {
        spare_.push_back(entries_.size());
        entries_.emplace_back();
    }
    const std::size_t ticket = spare_.back();
    spare_.pop_back();
    entries_[ticket] = {range, access, holder, true};
    return Lease(*this, ticket, MutableByteSpan(host, range.size()));
}

void LeaseTable::take_back(std::size_t ticket) {
    const std::lock_guard lock(mutex_);
    entries_[ticket].used = false;
    spare_.push_back(ticket);
    // A conversion that waits is rare, a lease is not. Under the lock: the table may end right
    // after.
    if (!excluded_.empty()) returned_.notify_all();
}

Result<LeaseTable::Exclusion> LeaseTable::exclude(IpaRange range) {
    const auto deadline = std::chrono::steady_clock::now() + patience_;
    std::unique_lock lock(mutex_);
    const std::uint64_t id = next_exclusion_++;
    excluded_.push_back({id, range});
    returned_.wait_until(lock, deadline, [&] { return stopped_ || lease_on(range) == nullptr; });
    if (lease_on(range) == nullptr) return Exclusion(*this, id);
    remove_exclusion(id);
    const Entry& entry = *lease_on(range);
    return fail(Stage::kLaunch,
                "guest memory at {:#x} cannot become private: {} still {} {} bytes at {:#x} after "
                "{} ms",
                range.base().value, entry.holder,
                entry.access == Access::kRead ? "reads" : "writes", entry.range.size(),
                entry.range.base().value, patience_.count());
}

void LeaseTable::stop_waiting() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    returned_.notify_all();
}

void LeaseTable::admit(std::uint64_t exclusion) {
    const std::lock_guard lock(mutex_);
    remove_exclusion(exclusion);
}

void LeaseTable::remove_exclusion(std::uint64_t id) {
    std::erase_if(excluded_, [id](const Excluded& excluded) { return excluded.id == id; });
}

const LeaseTable::Entry* LeaseTable::lease_on(const IpaRange& range) const {
    const auto entry = std::ranges::find_if(
        entries_, [&](const Entry& e) { return e.used && e.range.overlaps(range); });
    return entry == entries_.end() ? nullptr : &*entry;
}

std::size_t LeaseTable::lease_count() const {
    const std::lock_guard lock(mutex_);
    return entries_.size() - spare_.size();
}

}  // namespace rvmm::vmm
