#include "realm/rmm/measurements.hpp"

#include "realm/rmm/answer.hpp"

namespace rvmm::realm {

Measurements::Measurements(measure::Hash hash, const measure::Digest& rim,
                           measure::RemRule rem_rule)
    : hash_(hash), rem_rule_(rem_rule) {
    values_.fill(measure::Digest(hash));
    values_[0] = rim;
}

void Measurements::read(rmi::SmcRegisters& registers) const {
    const std::uint64_t index = registers.x[1];
    if (index >= values_.size()) return answer(registers, rmi::RsiStatus::kErrorInput);
    answer(registers, rmi::RsiStatus::kSuccess);
    registers.x[8] = 0;
    const ByteSpan value = at(index);
    for (std::size_t i = 0; i < value.size() / 8; ++i)
        registers.x[1 + i] = load_le<std::uint64_t>(value.subspan(8 * i));
}

void Measurements::extend(rmi::SmcRegisters& registers) {
    const std::uint64_t index = registers.x[1];
    const std::uint64_t size = registers.x[2];
    if (index == 0 || index >= values_.size() || size > rmi::kRsiExtendMaxSize)
        return answer(registers, rmi::RsiStatus::kErrorInput);

    std::array<std::byte, rmi::kRsiExtendMaxSize> value{};
    for (std::size_t i = 0; i < value.size() / 8; ++i)
        store_le(std::span(value).subspan(8 * i), registers.x[3 + i]);

    const auto extended =
        measure::rem_extend(rem_rule_, hash_, values_[index], std::span(value).first(size));
    if (!extended) return answer(registers, rmi::RsiStatus::kErrorUnknown);
    values_[index] = *extended;
    answer(registers, rmi::RsiStatus::kSuccess);
}

}  // namespace rvmm::realm
