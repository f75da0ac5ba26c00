// The vocabulary in which records are declared: fields of a record, bits of a field, and how the
// values of both are told to people. describe.hpp prints records by these declarations, and
// docs/rmi-abi.md is made from them.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <variant>

#include "base/bytes.hpp"
#include "rmi/beta.hpp"

namespace rvmm::rmi {

/// Who writes a field, and for whom.
enum class Access : std::uint8_t {
    kHostToRmm,
    kRmmToHost,
    kRealmToRmm,
    kRmmToRealm,
    kRealmAndBack,  // the realm writes it, and reads the answer there
    kMeasured,      // the RMM fills it in, hashes it, and shows it to nobody
};

/// What a number is called, in the betas where it is called so.
struct ValueName {
    std::uint64_t value;
    std::string_view name;
    BetaSet betas = kEveryBeta;
};
/// The name of `value` in `beta`; empty if it has none.
constexpr std::string_view name_of(std::span<const ValueName> names, std::uint64_t value,
                                   Beta beta) {
    for (const ValueName& each : names)
        if (each.value == value && each.betas.contains(beta)) return each.name;
    return {};
}

/// A run of bits of a 64-bit register or field, by its mask.
template <std::uint64_t Mask>
struct BitField {
    static constexpr int kShift = std::countr_zero(Mask);
    static constexpr std::uint64_t kMask = Mask;
    static_assert(Mask != 0 && ((Mask >> kShift) & ((Mask >> kShift) + 1)) == 0,
                  "the bits of a field lie side by side");

    std::string_view name;
    BetaSet betas = kEveryBeta;
    std::span<const ValueName> values = {};

    constexpr std::uint64_t get(std::uint64_t whole) const { return (whole & Mask) >> kShift; }
    /// `whole` with these bits replaced by `value`; what does not fit in them is dropped.
    constexpr std::uint64_t set(std::uint64_t whole, std::uint64_t value) const {
        return (whole & ~Mask) | ((value << kShift) & Mask);
    }
};

/// What a BitField declares, without its type.
struct BitInfo {
    std::string_view name;
    std::uint64_t mask;
    BetaSet betas;
    std::span<const ValueName> values;
};
template <std::uint64_t Mask>
constexpr BitInfo info(BitField<Mask> bits) {
    return {bits.name, Mask, bits.betas, bits.values};
}

// How a value is told.
struct Decimal {};
struct Hex {};
struct Scaled {  // the number stored stands for (stored + plus) * times units
    std::uint64_t plus;
    std::uint64_t times;
    std::string_view unit;
};
struct Names {
    std::span<const ValueName> values;
};
struct Bits {
    std::string_view section;  // of the specification
    std::span<const BitInfo> bits;
};
using Notation = std::variant<Decimal, Hex, Scaled, Names, Bits>;

/// `Count` little-endian integers of type T at `offset`.
template <std::integral T, std::size_t Count = 1>
struct Field {
    std::string_view name;
    std::size_t offset;
    Access access;
    BetaSet betas = kEveryBeta;
    Notation notation = Decimal{};
};

/// `Size` bytes at `offset`: a digest, a value.
template <std::size_t Size>
struct ByteField {
    std::string_view name;
    std::size_t offset;
    Access access;
    BetaSet betas = kEveryBeta;
};

/// What a field declares, without its type.
struct FieldInfo {
    enum class Kind : std::uint8_t { kUnsigned, kSigned, kBytes };

    std::string_view name;
    std::size_t offset;
    std::size_t width;  // bytes of one element
    std::size_t count = 1;
    BetaSet betas = kEveryBeta;
    Access access = Access::kHostToRmm;
    Kind kind = Kind::kUnsigned;
    Notation notation = Decimal{};

    constexpr std::size_t size() const { return width * count; }
    constexpr std::size_t end() const { return offset + size(); }
};
template <std::integral T, std::size_t Count>
constexpr FieldInfo info(const Field<T, Count>& field) {
    using enum FieldInfo::Kind;
    return {field.name,
            field.offset,
            sizeof(T),
            Count,
            field.betas,
            field.access,
            std::is_signed_v<T> ? kSigned : kUnsigned,
            field.notation};
}
template <std::size_t Size>
constexpr FieldInfo info(const ByteField<Size>& field) {
    return {field.name, field.offset, 1, Size, field.betas, field.access, FieldInfo::Kind::kBytes};
}

/// True iff the fields are in ascending order, lie within `size` bytes, and no two that hold in
/// one beta overlap.
constexpr bool well_formed(std::span<const FieldInfo> fields, std::size_t size) {
    for (std::size_t i = 0; i < fields.size(); ++i) {
        const FieldInfo& field = fields[i];
        if (field.size() == 0 || field.end() > size) return false;
        for (const FieldInfo& earlier : fields.first(i)) {
            if (earlier.offset > field.offset) return false;
            if (earlier.betas.overlaps(field.betas) && earlier.end() > field.offset) return false;
        }
    }
    return true;
}
/// True iff no two that hold in one beta share a bit.
constexpr bool well_formed(std::span<const BitInfo> bits) {
    for (std::size_t i = 0; i < bits.size(); ++i)
        for (const BitInfo& earlier : bits.first(i))
            if (earlier.betas.overlaps(bits[i].betas) && (earlier.mask & bits[i].mask) != 0)
                return false;
    return true;
}

/// A record of `Size` bytes, zero at first. What derives from it declares its fields, kSection (its
/// name in the specification) and kFields, a tuple of all the fields in ascending order.
template <std::size_t Size>
class Record {
  public:
    static constexpr std::size_t kSize = Size;

    template <std::integral T, std::size_t Count>
    constexpr void set(const Field<T, Count>& field, std::type_identity_t<T> value,
                       std::size_t index = 0) {
        using U = std::make_unsigned_t<T>;
        store_le<U>(MutableByteSpan(bytes_).subspan(field.offset + index * sizeof(T), sizeof(T)),
                    static_cast<U>(value));
    }
    template <std::integral T, std::size_t Count>
    constexpr T get(const Field<T, Count>& field, std::size_t index = 0) const {
        return static_cast<T>(load_le<std::make_unsigned_t<T>>(
            ByteSpan(bytes_).subspan(field.offset + index * sizeof(T), sizeof(T))));
    }
    /// Stores `value`, which is at most `Length` bytes, and zeroes what is left of the field.
    template <std::size_t Length>
    constexpr void set(const ByteField<Length>& field, ByteSpan value) {
        const auto begin = bytes_.begin() + static_cast<std::ptrdiff_t>(field.offset);
        std::fill(std::ranges::copy(value, begin).out, begin + Length, std::byte{0});
    }
    template <std::size_t Length>
    constexpr std::span<const std::byte, Length> get(const ByteField<Length>& field) const {
        return std::span<const std::byte, Length>(bytes_.data() + field.offset, Length);
    }

    constexpr std::span<const std::byte, Size> bytes() const { return bytes_; }
    constexpr std::span<std::byte, Size> mutable_bytes() { return bytes_; }

  private:
    std::array<std::byte, Size> bytes_{};
};

/// What a record declares, without its type.
struct RecordInfo {
    std::string_view section;
    std::size_t size;
    std::span<const FieldInfo> fields;
};
template <class R>
inline constexpr auto kFieldInfos =
    std::apply([](const auto&... field) { return std::array{info(field)...}; }, R::kFields);
template <class R>
constexpr RecordInfo record_info() {
    return {R::kSection, R::kSize, kFieldInfos<R>};
}

}  // namespace rvmm::rmi
