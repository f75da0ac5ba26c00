#include "rmi/describe.hpp"

#include <algorithm>

#include <fmt/ranges.h>

namespace rvmm::rmi {
namespace {

std::string describe_bits(const BitInfo& bits, std::uint64_t whole, Beta beta) {
    if (std::has_single_bit(bits.mask)) return std::string(bits.name);
    const std::uint64_t value = (whole & bits.mask) >> std::countr_zero(bits.mask);
    const std::string_view name = name_of(bits.values, value, beta);
    return name.empty() ? fmt::format("{} {}", bits.name, value)
                        : fmt::format("{} {}", bits.name, name);
}

/// "value" or "value (meaning)".
struct DescribeValue {
    std::uint64_t value;
    Beta beta;

    std::string operator()(Decimal) const { return fmt::format("{}", value); }
    std::string operator()(Hex) const { return fmt::format("{:#x}", value); }
    std::string operator()(Scaled scaled) const {
        return fmt::format("{} ({} {})", value, (value + scaled.plus) * scaled.times, scaled.unit);
    }
    std::string operator()(Names names) const {
        const std::string_view name = name_of(names.values, value, beta);
        return fmt::format("{} ({})", value, name.empty() ? "unknown" : name);
    }
    std::string operator()(Bits fieldset) const {
        std::vector<std::string> meanings;
        std::uint64_t rest = value;
        for (const BitInfo& bits : fieldset.bits) {
            if (!bits.betas.contains(beta) || (value & bits.mask) == 0) continue;
            meanings.push_back(describe_bits(bits, value, beta));
            rest &= ~bits.mask;
        }
        if (rest != 0) meanings.push_back(fmt::format("undeclared {:#x}", rest));
        if (meanings.empty()) return fmt::format("{:#x}", value);
        return fmt::format("{:#x} ({})", value, fmt::join(meanings, ", "));
    }
};

/// The integer that `bytes`, at most 8, hold.
std::uint64_t load(ByteSpan bytes) {
    std::array<std::byte, sizeof(std::uint64_t)> whole{};
    std::ranges::copy(bytes, whole.begin());
    return load_le<std::uint64_t>(whole);
}

std::string describe_element(const FieldInfo& field, ByteSpan bytes, Beta beta) {
    const std::uint64_t value = load(bytes);
    if (field.kind == FieldInfo::Kind::kUnsigned)
        return std::visit(DescribeValue{value, beta}, field.notation);
    const std::size_t unused = 64 - 8 * field.width;
    return fmt::format("{}", static_cast<std::int64_t>(value << unused) >> unused);
}

void describe_field(const FieldInfo& field, ByteSpan bytes, Beta beta,
                    std::vector<std::string>& lines) {
    const bool is_bytes = field.kind == FieldInfo::Kind::kBytes;
    if (field.count == 1) {
        lines.push_back(fmt::format("{} = {}", field.name, describe_element(field, bytes, beta)));
        return;
    }
    const auto is_zero = [](std::byte each) { return each == std::byte{0}; };
    if (std::ranges::all_of(bytes, is_zero)) {
        lines.push_back(
            fmt::format("{} = 0 (all {}{})", field.name, field.count, is_bytes ? " bytes" : ""));
        return;
    }
    if (is_bytes) {
        lines.push_back(fmt::format("{} = {}", field.name, to_hex(bytes)));
        return;
    }
    for (std::size_t i = 0; i < field.count; ++i) {
        const ByteSpan element = bytes.subspan(i * field.width, field.width);
        if (std::ranges::all_of(element, is_zero)) continue;
        lines.push_back(
            fmt::format("{}[{}] = {}", field.name, i, describe_element(field, element, beta)));
    }
}

}  // namespace

Result<std::vector<std::string>> describe(const RecordInfo& record, ByteSpan bytes, Beta beta) {
    if (bytes.size() != record.size)
        return fail(Stage::kInternal, "{} has {} bytes, got {}", record.section, record.size,
                    bytes.size());
    std::vector<std::string> lines;
    for (const FieldInfo& field : record.fields)
        if (field.betas.contains(beta))
            describe_field(field, bytes.subspan(field.offset, field.size()), beta, lines);
    return lines;
}

}  // namespace rvmm::rmi
