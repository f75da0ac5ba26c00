// Guest addresses and ranges of them, with arithmetic that cannot wrap unnoticed.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>

namespace rvmm {

/// An intermediate physical address: what the guest calls a physical address. Bytes.
struct Ipa {
    std::uint64_t value = 0;

    friend constexpr auto operator<=>(Ipa, Ipa) = default;
    friend constexpr Ipa operator+(Ipa a, std::uint64_t bytes) { return Ipa{a.value + bytes}; }
    friend constexpr std::uint64_t operator-(Ipa a, Ipa b) { return a.value - b.value; }
};

inline constexpr std::uint64_t kPageSize4K = 4096;

constexpr bool is_aligned(std::uint64_t value, std::uint64_t alignment) {
    return (value & (alignment - 1)) == 0;
}
/// `alignment` is a power of two.
constexpr std::uint64_t align_down(std::uint64_t value, std::uint64_t alignment) {
    return value & ~(alignment - 1);
}
/// `alignment` is a power of two; nothing if the result does not fit 64 bits.
constexpr std::optional<std::uint64_t> align_up(std::uint64_t value, std::uint64_t alignment) {
    if (value > UINT64_MAX - (alignment - 1)) return std::nullopt;
    return align_down(value + (alignment - 1), alignment);
}

/// A half-open range [base, base + size) that never wraps: make() refuses one that would.
class IpaRange {
  public:
    constexpr IpaRange() = default;

    static constexpr std::optional<IpaRange> make(Ipa base, std::uint64_t size) {
        if (size > UINT64_MAX - base.value) return std::nullopt;
        return IpaRange(base, size);
    }
    /// [base, top); nothing if top < base.
    static constexpr std::optional<IpaRange> between(Ipa base, Ipa top) {
        if (top < base) return std::nullopt;
        return IpaRange(base, top - base);
    }

    constexpr Ipa base() const { return base_; }
    constexpr std::uint64_t size() const { return size_; }
    constexpr Ipa top() const { return base_ + size_; }
    constexpr bool empty() const { return size_ == 0; }

    constexpr bool contains(Ipa a) const { return a >= base_ && a - base_ < size_; }
    constexpr bool contains(const IpaRange& r) const {
        return r.base_ >= base_ && r.base_ - base_ <= size_ && r.size_ <= size_ - (r.base_ - base_);
    }
    constexpr bool overlaps(const IpaRange& r) const {
        return !empty() && !r.empty() && base_ < r.top() && r.base_ < top();
    }
    /// The part that both have; an empty range at base() if there is none.
    constexpr IpaRange intersect(const IpaRange& r) const {
        const Ipa low = base_ > r.base_ ? base_ : r.base_;
        const Ipa high = top() < r.top() ? top() : r.top();
        return low < high ? IpaRange(low, high - low) : IpaRange(base_, 0);
    }
    friend constexpr bool operator==(const IpaRange&, const IpaRange&) = default;

  private:
    constexpr IpaRange(Ipa base, std::uint64_t size) : base_(base), size_(size) {}
    Ipa base_;
    std::uint64_t size_ = 0;
};

}  // namespace rvmm
