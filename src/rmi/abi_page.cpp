#include "rmi/abi_page.hpp"

#include <vector>

#include <fmt/ranges.h>

#include "rmi/features.hpp"
#include "rmi/records.hpp"
#include "rmi/rmi.hpp"
#include "rmi/rsi.hpp"

namespace rvmm::rmi {
namespace {

constexpr std::string_view kIntroduction =
    R"(# The RMI and RSI ABI, as rvmm knows it

Made from the declarations in `src/rmi`; a test keeps this page equal to them. Only what rvmm reads,
writes or measures is listed; every other byte of a record is zero. Numbers are little-endian.

The drafts of RMI 2.0 differ. What holds where:

| beta | known from |
| --- | --- |
)";

constexpr std::string_view kBetaNotes =
    R"(
"2.0" stands for all of them but the first. 2.0-bet0 and 2.0-bet2 were not seen whole: what the other
drafts share is taken to hold there too; where they differ, only what a host was read to do is listed.
RSI 1.0 comes with RMI 1.0, RSI 1.1 with 2.0. A section is named by the type in the specification,
since its number changes.
)";

std::string describe_betas(BetaSet betas) {
    if (betas == kEveryBeta) return "all";
    if (betas == kAny20) return "2.0";
    std::vector<std::string_view> names;
    for (const BetaInfo& each : kBetas)
        if (betas.contains(each.beta)) names.push_back(each.name);
    return fmt::format("{}", fmt::join(names, ", "));
}

std::string describe_access(Access access) {
    switch (access) {
        case Access::kHostToRmm:
            return "host to RMM";
        case Access::kRmmToHost:
            return "RMM to host";
        case Access::kRealmToRmm:
            return "realm to RMM";
        case Access::kRmmToRealm:
            return "RMM to realm";
        case Access::kRealmAndBack:
            return "realm, and back";
        case Access::kMeasured:
            return "measured only";
    }
    return {};
}

std::string describe_type(const FieldInfo& field) {
    if (field.kind == FieldInfo::Kind::kBytes) return fmt::format("{} bytes", field.count);
    const char sign = field.kind == FieldInfo::Kind::kSigned ? 'i' : 'u';
    const std::string element = fmt::format("{}{}", sign, 8 * field.width);
    return field.count == 1 ? element : fmt::format("{}[{}]", element, field.count);
}

std::string describe_names(std::span<const ValueName> names) {
    std::vector<std::string> texts;
    for (const ValueName& each : names) {
        std::string text = fmt::format("{} {}", each.value, each.name);
        if (each.betas != kEveryBeta) text += fmt::format(" ({})", describe_betas(each.betas));
        texts.push_back(std::move(text));
    }
    return fmt::format("{}", fmt::join(texts, ", "));
}

struct DescribeNotation {
    std::string operator()(Decimal) const { return ""; }
    std::string operator()(Hex) const { return ""; }
    std::string operator()(Scaled scaled) const {
        if (scaled.times == 1) return fmt::format("{}, minus {}", scaled.unit, scaled.plus);
        return fmt::format("{} / {}, minus {}", scaled.unit, scaled.times, scaled.plus);
    }
    std::string operator()(Names names) const { return describe_names(names.values); }
    std::string operator()(Bits) const { return "bits below"; }
};

std::string describe_mask(std::uint64_t mask) {
    const int low = std::countr_zero(mask);
    const int high = 63 - std::countl_zero(mask);
    return low == high ? fmt::format("{}", low) : fmt::format("{}:{}", high, low);
}

void append_bits(std::string& page, const FieldInfo& field, const Bits& fieldset) {
    page += fmt::format("\nBits of `{}` ({}):\n\n| bits | name | holds in | values |\n", field.name,
                        fieldset.section);
    page += "| --- | --- | --- | --- |\n";
    for (const BitInfo& bits : fieldset.bits) {
        // A status has a table of its own.
        const bool is_status = bits.values.data() == kRmiStatusNames.data();
        page += fmt::format("| {} | {} | {} | {} |\n", describe_mask(bits.mask), bits.name,
                            describe_betas(bits.betas),
                            is_status ? "see Status codes" : describe_names(bits.values));
    }
}

void append_record(std::string& page, const RecordInfo& record) {
    page += fmt::format("\n## {}\n\n{} bytes.\n\n", record.section, record.size);
    page += "| offset | field | type | written by | holds in | meaning |\n";
    page += "| --- | --- | --- | --- | --- | --- |\n";
    for (const FieldInfo& field : record.fields)
        page += fmt::format("| {:#x} | {} | {} | {} | {} | {} |\n", field.offset, field.name,
                            describe_type(field), describe_access(field.access),
                            describe_betas(field.betas),
                            std::visit(DescribeNotation{}, field.notation));
    for (const FieldInfo& field : record.fields)
        if (const Bits* fieldset = std::get_if<Bits>(&field.notation))
            append_bits(page, field, *fieldset);
}

void append_names(std::string& page, std::string_view title, std::span<const ValueName> names) {
    page += fmt::format("\n## {}\n\n| value | name | holds in |\n| --- | --- | --- |\n", title);
    for (const ValueName& each : names)
        page +=
            fmt::format("| {:#x} | {} | {} |\n", each.value, each.name, describe_betas(each.betas));
}

}  // namespace

std::span<const RecordInfo> all_records() {
    static constexpr std::array kRecords = {
        record_info<RealmParams>(),         record_info<RecParams>(),
        record_info<DataMeasurement>(),     record_info<RecMeasurement>(),
        record_info<RipasMeasurement>(),    record_info<RsiRealmConfig>(),
        record_info<RsiHostCall>(),         record_info<RmiResult>(),
        record_info<RmiIncompleteResult>(), record_info<RmiFeatureRegister0>(),
        record_info<RmiFeatureRegister1>(), record_info<RmiFeatureRegister2>(),
        record_info<RmiFeatureRegister3>(), record_info<RmiFeatureRegister4>(),
        record_info<RsiFeatureRegister0>()};
    return kRecords;
}

std::string abi_page() {
    std::string page(kIntroduction);
    for (const BetaInfo& each : kBetas)
        page += fmt::format("| {} | {} |\n", each.name, each.known_from);
    page += kBetaNotes;
    for (const RecordInfo& record : all_records()) append_record(page, record);
    append_names(page, "Status codes (DEN0137 RmiStatusCode)", kRmiStatusNames);
    append_names(page, "RMI commands (X0)", kRmiFunctionNames);
    return page;
}

}  // namespace rvmm::rmi
