#include "pool.hpp"

#include "cpu.hpp"
#include "machine.hpp"
#include "rsi.hpp"
#include "runtime.hpp"

namespace guest::hostile {
namespace {

constexpr std::uint64_t kPoolSize = 8 << 20;
constexpr std::uint64_t kStep = 2 << 20;
constexpr std::uint64_t kCanary = 0xca9a'5717'ca9a'5717;

// From its base on: a shared page, the private one, shared pages.
std::uint64_t base;
std::uint64_t next;
std::uint64_t end;

bool overlaps(const Range& range, std::uint64_t first, std::uint64_t last) {
    return range.base < last && first < range.end();
}

bool is_free(std::uint64_t first, std::uint64_t last) {
    return !overlaps(image_range(), first, last) && !overlaps(machine().fdt, first, last);
}

/// As high as possible, but where nothing else is, and not up to the last page.
bool find_place() {
    const Range& ram = machine().ram[machine().ram_count - 1];
    for (end = ram.end() - kStep; end - ram.base >= kPoolSize; end -= kStep) {
        base = end - kPoolSize;
        if (is_free(base, end)) return is_free(ram.end() - kPage, ram.end());
    }
    return false;
}

bool convert(std::uint64_t first, std::uint64_t last, Ripas to) {
    return !realm().active || set_ipa_state(first, last, to);
}

struct Pages {
    std::uint64_t addresses[3];
    const std::uint64_t* begin() const { return addresses; }
    const std::uint64_t* end() const { return addresses + 3; }
};

Pages nobodys_pages() {
    return {{base | realm().shared_bit, private_page(), ram_end() - kPage}};
}

}  // namespace

bool take_pool() {
    if (!find_place()) return false;
    next = base + 2 * kPage;
    const std::uint64_t last = plain(ram_end());
    if (!convert(base, base + kPage, Ripas::kEmpty) || !convert(next, end, Ripas::kEmpty) ||
        !convert(last - kPage, last, Ripas::kEmpty))
        return false;
    for (const std::uint64_t page : nobodys_pages()) fill(page, kPage, kCanary);
    return true;
}

bool is_untouched() {
    for (const std::uint64_t page : nobodys_pages()) {
        if (!holds(page, kPage, kCanary)) return false;
    }
    return true;
}

std::uint64_t take_pages(std::size_t count) {
    const std::uint64_t first = next;
    if (count > (end - kSpareSize - first) / kPage) return 0;
    next += count * kPage;
    const std::uint64_t address = first | realm().shared_bit;
    fill(address, count * kPage, 0);
    return address;
}

std::uint64_t private_page() {
    return base + kPage;
}

std::uint64_t ram_end() {
    return machine().ram[machine().ram_count - 1].end() | realm().shared_bit;
}

std::uint64_t spare() {
    return (end - kSpareSize) | realm().shared_bit;
}

bool make_private(std::uint64_t shared_address, std::size_t pages) {
    const std::uint64_t first = plain(shared_address);
    return convert(first, first + pages * kPage, Ripas::kRam);
}

bool make_shared(std::uint64_t shared_address, std::size_t pages) {
    const std::uint64_t first = plain(shared_address);
    return convert(first, first + pages * kPage, Ripas::kEmpty);
}

std::uint64_t plain(std::uint64_t shared_address) {
    return shared_address & ~realm().shared_bit;
}

void fill(std::uint64_t address, std::size_t size, std::uint64_t value) {
    volatile std::uint64_t* words = words_at(address);
    for (std::size_t i = 0; i < size / 8; ++i) words[i] = value;
    sync_caches(reinterpret_cast<const void*>(address), size);
}

bool holds(std::uint64_t address, std::size_t size, std::uint64_t value) {
    sync_caches(reinterpret_cast<const void*>(address), size);
    const volatile std::uint64_t* words = words_at(address);
    for (std::size_t i = 0; i < size / 8; ++i) {
        if (words[i] != value) return false;
    }
    return true;
}

}  // namespace guest::hostile
