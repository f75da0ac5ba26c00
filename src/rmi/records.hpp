// The records that RMI passes and that measurements are made over, as data: every field is declared
// once, with its name, type and offset, and encoded and decoded through that declaration.
//
// Source: DEN0137 (RmiRealmParams, RmiRecParams; RMI 2.0 offsets) and the measurement descriptors
// of TF-RMM. Little-endian. Only fields that rvmm reads, writes or
// measures are declared; every other byte of a record is zero.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include "base/bytes.hpp"

namespace rvmm::rmi {

/// `Count` little-endian integers of type T at `offset`.
template <std::unsigned_integral T, std::size_t Count = 1>
struct Field {
    std::string_view name;
    std::size_t offset;
};

/// `Size` bytes at `offset`: a digest, a value, a structure of its own.
template <std::size_t Size>
struct ByteField {
    std::string_view name;
    std::size_t offset;
};

/// What a field declares, without its type: for checks, dumps and documentation.
struct FieldInfo {
    std::string_view name;
    std::size_t offset;
    std::size_t size;  // bytes
};
template <std::unsigned_integral T, std::size_t Count>
constexpr FieldInfo info(Field<T, Count> field) {
    return {field.name, field.offset, sizeof(T) * Count};
}
template <std::size_t Size>
constexpr FieldInfo info(ByteField<Size> field) {
    return {field.name, field.offset, Size};
}

/// True iff the fields are in ascending order, do not overlap, and lie within `size` bytes.
constexpr bool well_formed(std::span<const FieldInfo> fields, std::size_t size) {
    std::size_t end = 0;
    for (const FieldInfo& field : fields) {
        if (field.offset < end || field.size == 0) return false;
        end = field.offset + field.size;
    }
    return end <= size;
}

/// A record of `Size` bytes, zero at first.
template <std::size_t Size>
class Record {
  public:
    static constexpr std::size_t kSize = Size;

    template <std::unsigned_integral T, std::size_t Count>
    constexpr void set(Field<T, Count> field, std::type_identity_t<T> value,
                       std::size_t index = 0) {
        store_le<T>(MutableByteSpan(bytes_).subspan(field.offset + index * sizeof(T), sizeof(T)),
                    value);
    }
    template <std::unsigned_integral T, std::size_t Count>
    constexpr T get(Field<T, Count> field, std::size_t index = 0) const {
        return load_le<T>(ByteSpan(bytes_).subspan(field.offset + index * sizeof(T), sizeof(T)));
    }
    /// Stores `value`, which is at most `Length` bytes, and zeroes what is left of the field.
    template <std::size_t Length>
    constexpr void set(ByteField<Length> field, ByteSpan value) {
        const auto begin = bytes_.begin() + static_cast<std::ptrdiff_t>(field.offset);
        std::fill(std::ranges::copy(value, begin).out, begin + Length, std::byte{0});
    }
    template <std::size_t Length>
    constexpr std::span<const std::byte, Length> get(ByteField<Length> field) const {
        return std::span<const std::byte, Length>(bytes_.data() + field.offset, Length);
    }

    constexpr std::span<const std::byte, Size> bytes() const { return bytes_; }
    constexpr std::span<std::byte, Size> mutable_bytes() { return bytes_; }

  private:
    std::array<std::byte, Size> bytes_{};
};

/// RmiRealmParams, RMI 2.0 (the fields up to hash_algo lie where RMI 1.0 has them too).
struct RealmParams : Record<4096> {
    static constexpr Field<std::uint64_t> kFlags0{"flags0", 0x00};
    static constexpr Field<std::uint32_t> kS2sz{"s2sz", 0x08};       // IPA bits, both halves
    static constexpr Field<std::uint32_t> kSveVl{"sve_vl", 0x10};    // VQ - 1: bits / 128 - 1
    static constexpr Field<std::uint32_t> kNumBps{"num_bps", 0x18};  // count - 1
    static constexpr Field<std::uint32_t> kNumWps{"num_wps", 0x20};  // count - 1
    static constexpr Field<std::uint32_t> kPmuNumCtrs{"pmu_num_ctrs", 0x28};
    static constexpr Field<std::uint8_t> kHashAlgo{"hash_algo", 0x30};
    static constexpr ByteField<64> kRpv{"rpv", 0x400};

    // Bits of flags0.
    static constexpr std::uint64_t kFlagLpa2 = 1U << 0;
    static constexpr std::uint64_t kFlagSve = 1U << 1;
    static constexpr std::uint64_t kFlagPmu = 1U << 2;

    static constexpr std::array kFields = {info(kFlags0),   info(kS2sz),   info(kSveVl),
                                           info(kNumBps),   info(kNumWps), info(kPmuNumCtrs),
                                           info(kHashAlgo), info(kRpv)};
};

/// RmiRecParams.
struct RecParams : Record<4096> {
    static constexpr Field<std::uint64_t> kFlags{"flags", 0x000};
    static constexpr Field<std::uint64_t> kMpidr{"mpidr", 0x100};
    static constexpr Field<std::uint64_t> kPc{"pc", 0x200};
    static constexpr Field<std::uint64_t, 8> kGprs{"gprs", 0x300};  // X0 to X7

    static constexpr std::uint64_t kFlagRunnable = 1U << 0;  // bit of flags

    static constexpr std::array kFields = {info(kFlags), info(kMpidr), info(kPc), info(kGprs)};
};

/// What the RIM is extended with for a page of DATA (type 0).
struct DataMeasurement : Record<256> {
    static constexpr std::uint8_t kTypeValue = 0;

    static constexpr Field<std::uint8_t> kType{"type", 0x00};
    static constexpr Field<std::uint64_t> kLen{"len", 0x08};
    static constexpr ByteField<64> kRim{"rim", 0x10};  // the RIM so far
    static constexpr Field<std::uint64_t> kIpa{"ipa", 0x50};
    static constexpr Field<std::uint64_t> kFlags{"flags", 0x58};
    static constexpr ByteField<64> kContent{"content", 0x60};  // digest of the page, or zero

    static constexpr std::uint64_t kFlagMeasured = 1U << 0;  // bit of flags

    static constexpr std::array kFields = {info(kType), info(kLen),   info(kRim),
                                           info(kIpa),  info(kFlags), info(kContent)};
};

/// What the RIM is extended with for a runnable REC (type 1).
struct RecMeasurement : Record<256> {
    static constexpr std::uint8_t kTypeValue = 1;

    static constexpr Field<std::uint8_t> kType{"type", 0x00};
    static constexpr Field<std::uint64_t> kLen{"len", 0x08};
    static constexpr ByteField<64> kRim{"rim", 0x10};            // the RIM so far
    static constexpr ByteField<64> kParams{"rec_params", 0x50};  // digest of the measured REC page

    static constexpr std::array kFields = {info(kType), info(kLen), info(kRim), info(kParams)};
};

/// What the RIM is extended with for an RTT entry whose RIPAS became RAM (type 2, RMI 1.0 only).
struct RipasMeasurement : Record<256> {
    static constexpr std::uint8_t kTypeValue = 2;

    static constexpr Field<std::uint8_t> kType{"type", 0x00};
    static constexpr Field<std::uint64_t> kLen{"len", 0x08};
    static constexpr ByteField<64> kRim{"rim", 0x10};  // the RIM so far
    static constexpr Field<std::uint64_t> kBase{"base", 0x50};
    static constexpr Field<std::uint64_t> kTop{"top", 0x58};

    static constexpr std::array kFields = {info(kType), info(kLen), info(kRim), info(kBase),
                                           info(kTop)};
};

}  // namespace rvmm::rmi
