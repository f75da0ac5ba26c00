#include "realm/plan/measurement_log.hpp"

#include <algorithm>
#include <filesystem>

#include "measure/log_reader.hpp"

namespace rvmm::realm {
namespace {

using measure::LogEntry;
using measure::LogHeader;
using measure::LogKind;

/// Sums entries up.
class Summary {
  public:
    explicit Summary(const LogHeader& header) : header_(header), contents_(header.hash) {}

    Result<> add(const LogEntry& entry) {
        if (!continues(entry)) {
            RVMM_CHECK(end_step());
            RVMM_CHECK(begin_step(entry));
        } else {
            grow(entry);
        }
        if (is_measured(entry)) RVMM_CHECK(contents_.update(entry.content.bytes()));
        steps_.back().rim = entry.after;
        return {};
    }

    Result<std::vector<MeasuredStep>> finish() {
        RVMM_CHECK(end_step());
        return std::move(steps_);
    }

  private:
    static bool is_measured(const LogEntry& entry) {
        return entry.kind == LogKind::kData && entry.measured;
    }

    bool continues(const LogEntry& entry) const {
        if (steps_.empty()) return false;
        const auto& last = steps_.back().what;
        if (entry.kind == LogKind::kRipas) return std::holds_alternative<RipasMeasured>(last);
        const auto* data = std::get_if<DataMeasured>(&last);
        return entry.kind == LogKind::kData && data != nullptr && data->what == entry.what &&
               data->granule == entry.range.size() && data->measured == entry.measured &&
               data->base.value + data->size == entry.range.base().value;
    }

    void grow(const LogEntry& entry) {
        auto& last = steps_.back().what;
        if (auto* data = std::get_if<DataMeasured>(&last)) data->size += entry.range.size();
        if (auto* ripas = std::get_if<RipasMeasured>(&last)) {
            ++ripas->entries;
            const Ipa base = std::min(ripas->range.base(), entry.range.base());
            const Ipa top = std::max(ripas->range.top(), entry.range.top());
            ripas->range = IpaRange::between(base, top).value_or(entry.range);
        }
    }

    Result<> begin_step(const LogEntry& entry) {
        MeasuredStep step;
        if (entry.kind == LogKind::kData) step.what = data_of(entry);
        if (entry.kind == LogKind::kRipas)
            step.what = RipasMeasured{.range = entry.range, .entries = 1};
        if (entry.kind == LogKind::kRec)
            step.what = RecMeasured{
                .index = entry.index, .runnable = true, .pc = entry.pc, .x0 = entry.x[0]};
        steps_.push_back(std::move(step));
        return is_measured(entry) ? contents_.start() : Result<>();
    }

    Result<> end_step() {
        if (steps_.empty()) return {};
        auto* data = std::get_if<DataMeasured>(&steps_.back().what);
        if (data == nullptr || !data->measured) return {};
        RVMM_TRY(data->content, contents_.finish());
        return {};
    }

    DataMeasured data_of(const LogEntry& entry) const {
        DataMeasured data{.what = entry.what,
                          .source = std::filesystem::path(entry.source).filename().native(),
                          .base = entry.range.base(),
                          .size = entry.range.size(),
                          .granule = entry.range.size(),
                          .measured = entry.measured};
        const auto source = std::ranges::find_if(header_.sources, [&](const auto& candidate) {
            return candidate.what == entry.what && candidate.name == entry.source;
        });
        if (source != header_.sources.end()) data.source_size = source->size;
        return data;
    }

    const LogHeader& header_;
    measure::Hasher contents_;
    std::vector<MeasuredStep> steps_;
};

}  // namespace

Result<Measurement> measurement_of_log(ByteSpan log) {
    RVMM_TRY(auto reader, measure::LogReader::create(log));
    const LogHeader& header = reader.header();
    measure::RimExtender extender(header.rule, header.hash);
    Summary summary(header);
    while (true) {
        RVMM_TRY(const auto entry, reader.next());
        if (!entry) break;
        RVMM_CHECK(measure::verify_entry(header, *entry, extender));
        RVMM_CHECK(summary.add(*entry));
    }
    Measurement made{.tool = header.tool,
                     .profile = header.profile,
                     .rule = header.rule,
                     .hash = header.hash,
                     .rim = reader.rim(),
                     .parameters = measured_parameters(header.parameters),
                     .fdt = header.fdt};
    RVMM_TRY(made.steps, summary.finish());
    return made;
}

}  // namespace rvmm::realm
