// convert: turns private memory into shared memory and back, very often, and looks whether anything
// of one shows in the other. Its command line:
//
//   all=N    converts all memory but what this guest itself needs, RAM -> EMPTY -> RAM, N times.
//            Every time, sample pages are checked: the first and last of each range and one each
//            64 MiB; the last time, one each 2 MiB.
//   pages=N  makes N alternate pages (0, 2, 4, ...) EMPTY one by one, checks each, makes them RAM
//            again in the same order and checks each. In several passes where memory is too small.
//            The private pages between them, which the host may have in one page of its own with
//            them, keep what they hold.
//
// Exit status: 0, or one of the constants below.
#include "calls.hpp"
#include "console.hpp"
#include "cpu.hpp"
#include "rsi.hpp"
#include "runtime.hpp"

namespace guest {
namespace {

constexpr std::uint64_t kNoRealm = kFirstGuestStatus;  // 42
constexpr std::uint64_t kNothingToDo = 43;
constexpr std::uint64_t kShareRefused = 44;
constexpr std::uint64_t kUnshareRefused = 45;
constexpr std::uint64_t kPrivateContentShown = 46;
constexpr std::uint64_t kSharedContentShown = 47;
constexpr std::uint64_t kNoFreeMemory = 48;
constexpr std::uint64_t kNeighbourChanged = 49;

constexpr std::uint64_t kSampleStep = 64 << 20;
constexpr std::uint64_t kLastSampleStep = 2 << 20;
constexpr std::uint64_t kPrivateMarker = 0x5ec2'e700'0000'0000;
constexpr std::uint64_t kSharedMarker = 0x0be7'0000'0000'0000;
constexpr std::size_t kWords = kPage / sizeof(std::uint64_t);

// RAM without what the guest runs from: each of the two blocks taken out splits one range at most.
Range free_ranges[Machine::kMaxRanges + 2];
std::size_t free_count;

template <class... Parts>
[[noreturn]] void fail(std::uint64_t status, Parts... parts) {
    print_line("convert: FAIL ", parts...);
    host_exit(status);
}

volatile std::uint64_t* words_at(std::uint64_t address) {
    return reinterpret_cast<volatile std::uint64_t*>(address);
}

void fill(std::uint64_t page, std::uint64_t value) {
    volatile std::uint64_t* words = words_at(page);
    for (std::size_t i = 0; i < kWords; ++i) words[i] = value;
}

bool shows(std::uint64_t page, std::uint64_t value) {
    const volatile std::uint64_t* words = words_at(page);
    for (std::size_t i = 0; i < kWords; ++i) {
        if (words[i] == value) return true;
    }
    return false;
}

bool is_zero(std::uint64_t page) {
    const volatile std::uint64_t* words = words_at(page);
    std::uint64_t all = 0;
    for (std::size_t i = 0; i < kWords; ++i) all |= words[i];
    return all == 0;
}

std::uint64_t private_marker(std::uint64_t page) {
    return kPrivateMarker | page;
}
std::uint64_t shared_marker(std::uint64_t page) {
    return kSharedMarker | page;
}

void share(std::uint64_t base, std::uint64_t end) {
    if (!set_ipa_state(base, end, Ripas::kEmpty))
        fail(kShareRefused, "EMPTY was refused at ", Hex{base});
}

void unshare(std::uint64_t base, std::uint64_t end) {
    if (!set_ipa_state(base, end, Ripas::kRam))
        fail(kUnshareRefused, "RAM was refused at ", Hex{base});
}

/// The page was just shared: it must not show what was private. Leaves a marker in it.
void check_shared(std::uint64_t page) {
    const std::uint64_t alias = page | realm().shared_bit;
    if (shows(alias, private_marker(page))) {
        fail(kPrivateContentShown, "the shared page shows private content at ", Hex{page});
    }
    fill(alias, shared_marker(page));
}

void check_unshared(std::uint64_t page) {
    if (!is_zero(page)) fail(kSharedContentShown, "the unshared page is not zero at ", Hex{page});
}

/// A page that stays private. Only its edges: there are many.
void mark_neighbour(std::uint64_t page) {
    words_at(page)[0] = private_marker(page);
    words_at(page)[kWords - 1] = private_marker(page);
}
void check_neighbour(std::uint64_t page) {
    const volatile std::uint64_t* words = words_at(page);
    if (words[0] != private_marker(page) || words[kWords - 1] != private_marker(page))
        fail(kNeighbourChanged, "a private page has changed at ", Hex{page});
}

void remove_block(std::uint64_t base, std::uint64_t end) {
    const std::size_t count = free_count;
    for (std::size_t i = 0; i < count; ++i) {
        Range& range = free_ranges[i];
        const std::uint64_t range_end = range.end();
        if (end <= range.base || range_end <= base) continue;
        if (range_end > end) free_ranges[free_count++] = {end, range_end - end};
        range.size = base > range.base ? base - range.base : 0;
    }
}

constexpr std::uint64_t page_down(std::uint64_t address) {
    return address & ~(kPage - 1);
}
constexpr std::uint64_t page_up(std::uint64_t address) {
    return page_down(address + kPage - 1);
}

std::uint64_t find_free_memory() {
    for (std::size_t i = 0; i < machine().ram_count; ++i) {
        const Range& ram = machine().ram[i];
        const std::uint64_t base = page_up(ram.base);
        const std::uint64_t end = page_down(ram.end());
        if (base < end) free_ranges[free_count++] = {base, end - base};
    }
    remove_block(image_range().base, image_range().end());
    remove_block(page_down(machine().fdt.base), page_up(machine().fdt.end()));
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < free_count; ++i) bytes += free_ranges[i].size;
    return bytes;
}

template <class Action>
void for_each_range(Action action) {
    for (std::size_t i = 0; i < free_count; ++i) {
        if (free_ranges[i].size != 0) action(free_ranges[i]);
    }
}

template <class Action>
void for_each_sample(std::uint64_t step, Action action) {
    for_each_range([&](const Range& range) {
        const std::uint64_t last = range.end() - kPage;
        for (std::uint64_t page = range.base; page < last; page += step) action(page);
        action(last);
    });
}

void convert_all_once(std::uint64_t sample_step) {
    for_each_sample(sample_step, [](std::uint64_t page) { fill(page, private_marker(page)); });
    for_each_range([](const Range& range) { share(range.base, range.end()); });
    for_each_sample(sample_step, check_shared);
    for_each_range([](const Range& range) { unshare(range.base, range.end()); });
    for_each_sample(sample_step, check_unshared);
}

void convert_all(std::uint64_t times, std::uint64_t bytes) {
    const std::uint64_t start = now_ms();
    for (std::uint64_t i = 1; i <= times; ++i) {
        convert_all_once(i == times ? kLastSampleStep : kSampleStep);
    }
    print_line("convert: ", Decimal{times}, " conversions of ", Decimal{bytes}, " ok, ",
               Decimal{now_ms() - start}, " ms");
}

/// Converts up to `count` alternate pages from `first` on, below `end`, and back; returns how many.
std::uint64_t convert_alternate(std::uint64_t first, std::uint64_t end, std::uint64_t count) {
    const std::uint64_t room = (end - first) / (2 * kPage);
    if (count > room) count = room;
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::uint64_t page = first + i * 2 * kPage;
        fill(page, private_marker(page));
        mark_neighbour(page + kPage);
        share(page, page + kPage);
        check_shared(page);
    }
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::uint64_t page = first + i * 2 * kPage;
        check_neighbour(page + kPage);
        unshare(page, page + kPage);
        check_unshared(page);
        check_neighbour(page + kPage);
    }
    return count;
}

Range largest_free_range() {
    Range largest{};
    for_each_range([&](const Range& range) {
        if (range.size > largest.size) largest = range;
    });
    return largest;
}

void convert_pages(std::uint64_t pages) {
    const std::uint64_t start = now_ms();
    const Range range = largest_free_range();
    for (std::uint64_t done = 0; done < pages;) {
        done += convert_alternate(range.base, range.end(), pages - done);
    }
    print_line("convert: ", Decimal{pages}, " alternate pages ok, ", Decimal{now_ms() - start},
               " ms");
}

}  // namespace

std::uint64_t guest_main() {
    if (!realm().active) fail(kNoRealm, "no RSI, an ordinary VM");
    const std::uint64_t bytes = find_free_memory();
    if (bytes == 0) fail(kNoFreeMemory, "no free memory");
    std::uint64_t times = 0;
    std::uint64_t pages = 0;
    const bool all_asked = number_argument("all=", times);
    const bool pages_asked = number_argument("pages=", pages);
    if (!all_asked && !pages_asked) fail(kNothingToDo, "neither all=N nor pages=N");
    if (all_asked) convert_all(times, bytes);
    if (pages_asked) convert_pages(pages);
    return 0;
}

}  // namespace guest
