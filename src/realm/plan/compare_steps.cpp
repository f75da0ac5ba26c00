#include "realm/plan/compare_steps.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.hpp"
#include "realm/plan/compare_fdt.hpp"
#include "realm/spec/config_text.hpp"

namespace rvmm::realm {
namespace {

std::string bytes(std::uint64_t value) {
    return fmt::format("{} bytes", value);
}

void add_if(Differences& sink, std::string what, std::string a, std::string b) {
    if (a != b) sink.add({std::move(what), std::move(a), std::move(b)});
}

/// One line about a step that the other side does not have.
std::string summary(const MeasuredStep& step) {
    if (const auto* data = std::get_if<DataMeasured>(&step.what))
        return fmt::format("{} bytes at {:#x}", data->size, data->base.value);
    if (const auto* rec = std::get_if<RecMeasured>(&step.what))
        return fmt::format("runnable, PC {:#x}", rec->pc);
    if (const auto* ripas = std::get_if<RipasMeasured>(&step.what))
        return fmt::format("{} RTT entries, {:#x} to {:#x}", ripas->entries,
                           ripas->range.base().value, ripas->range.top().value);
    return "created";
}

void compare_parameters(const MeasuredParameters& a, const MeasuredParameters& b,
                        Differences& sink) {
    using P = rmi::RealmParams;
    const auto number = [&sink](std::string_view name, std::uint64_t ours, std::uint64_t theirs) {
        add_if(sink, fmt::format("parameter {}", name), std::to_string(ours),
               std::to_string(theirs));
    };
    add_if(sink, fmt::format("parameter {}", P::kFlags0.name), hex(a.flags0), hex(b.flags0));
    number(P::kS2sz.name, a.s2sz, b.s2sz);
    number(P::kSveVl.name, a.sve_vl, b.sve_vl);
    number(P::kNumBps.name, a.num_bps, b.num_bps);
    number(P::kNumWps.name, a.num_wps, b.num_wps);
    number(P::kPmuNumCtrs.name, a.pmu_num_ctrs, b.pmu_num_ctrs);
    number(P::kHashAlgo.name, a.hash_algo, b.hash_algo);
}

void compare_create(const Measurement& a, const Measurement& b, Sinks sinks) {
    constexpr auto kSpec = measure::Rule::kRmm2Spec;
    const bool rule_counts = (a.rule == kSpec) != (b.rule == kSpec);
    add_if(sinks.measured, "hash", std::string(measure::to_string(a.hash)),
           std::string(measure::to_string(b.hash)));
    if (rule_counts)
        add_if(sinks.measured, "rule", std::string(measure::to_string(a.rule)),
               std::string(measure::to_string(b.rule)));
    const bool ignored = a.rule == kSpec && b.rule == kSpec;
    compare_parameters(a.parameters, b.parameters, ignored ? sinks.unmeasured : sinks.measured);
}

void compare_trees(const Measurement& a, const Measurement& b, Differences& sink) {
    const std::size_t before = sink.kept().size() + sink.left_out();
    if (const auto done = compare_fdts(a.fdt, b.fdt, sink); !done) {
        sink.add({"fdt contents", "not comparable", done.error().message()});
    } else if (sink.kept().size() + sink.left_out() == before) {
        const auto [ours, theirs] = std::ranges::mismatch(a.fdt, b.fdt);
        sink.add(
            {"fdt bytes, but not what they say",
             fmt::format("{}, unlike B from byte {}", bytes(a.fdt.size()), ours - a.fdt.begin()),
             bytes(b.fdt.size())});
    }
}

void compare_data(const DataMeasured& a, const DataMeasured& b, const Measurement& of_a,
                  const Measurement& of_b, Sinks sinks) {
    const std::string what = printable(a.what, kShownName);
    const bool same_contents = a.content == b.content;
    add_if(sinks.measured, what + " base", hex(a.base.value), hex(b.base.value));
    add_if(sinks.measured, what + " granule", bytes(a.granule), bytes(b.granule));
    add_if(sinks.measured, what + " contents measured", a.measured ? "yes" : "no",
           b.measured ? "yes" : "no");
    add_if(sinks.unmeasured, what + " file name", printable(a.source, kShownName),
           printable(b.source, kShownName));
    if (!same_contents && a.what == "fdt" && of_a.fdt != of_b.fdt)
        compare_trees(of_a, of_b, sinks.measured);
    else
        add_if(sinks.measured, what + " contents", to_hex(a.content), to_hex(b.content));
    add_if(same_contents && a.size == b.size ? sinks.unmeasured : sinks.measured, what + " size",
           bytes(a.source_size), bytes(b.source_size));
}

void compare_rec(const std::string& key, const RecMeasured& a, const RecMeasured& b,
                 Differences& sink) {
    add_if(sink, key + " PC", hex(a.pc), hex(b.pc));
    add_if(sink, key + " X0", hex(a.x0), hex(b.x0));
}

/// A log's range covers its entries, any other's covers RAM too where it has none: only counts can
/// be compared.
void compare_ripas(const RipasMeasured& a, const RipasMeasured& b, Differences& sink) {
    add_if(sink, "RIPAS entries", std::to_string(a.entries), std::to_string(b.entries));
}

}  // namespace

std::vector<const MeasuredStep*> contributing(const Measurement& measurement) {
    std::vector<const MeasuredStep*> steps;
    for (const MeasuredStep& step : measurement.steps)
        if (extensions(step) != 0) steps.push_back(&step);
    return steps;
}

std::uint64_t extensions(const MeasuredStep& step) {
    if (const auto* data = std::get_if<DataMeasured>(&step.what)) return data->size / data->granule;
    if (const auto* rec = std::get_if<RecMeasured>(&step.what)) return rec->runnable ? 1 : 0;
    if (const auto* ripas = std::get_if<RipasMeasured>(&step.what)) return ripas->entries;
    return 1;
}

std::string key_of(const MeasuredStep& step) {
    if (const auto* data = std::get_if<DataMeasured>(&step.what))
        return printable(data->what, kShownName);
    if (const auto* rec = std::get_if<RecMeasured>(&step.what))
        return fmt::format("vCPU {}", rec->index);
    return std::holds_alternative<RipasMeasured>(step.what) ? "RIPAS" : "creation of the realm";
}

std::vector<StepPair> pair_up(const std::vector<const MeasuredStep*>& a,
                              const std::vector<const MeasuredStep*>& b) {
    std::multimap<std::string, const MeasuredStep*> others;
    for (const MeasuredStep* step : b) others.emplace(key_of(*step), step);
    std::vector<StepPair> pairs;
    std::set<const MeasuredStep*> paired;
    for (const MeasuredStep* step : a) {
        const auto [other, end] = others.equal_range(key_of(*step));
        pairs.push_back({step, other != end ? other->second : nullptr});
        if (other == end) continue;
        paired.insert(other->second);
        others.erase(other);
    }
    for (const MeasuredStep* step : b)
        if (!paired.contains(step)) pairs.push_back({nullptr, step});
    return pairs;
}

void compare_pair(const StepPair& pair, const Measurement& a, const Measurement& b, Sinks sinks) {
    const std::string key = key_of(pair.a != nullptr ? *pair.a : *pair.b);
    if (pair.a == nullptr || pair.b == nullptr) {
        sinks.measured.add({key, pair.a != nullptr ? summary(*pair.a) : "",
                            pair.b != nullptr ? summary(*pair.b) : ""});
        if (key == "RIPAS")
            add_if(sinks.measured, "rule", std::string(measure::to_string(a.rule)),
                   std::string(measure::to_string(b.rule)));
        return;
    }
    const auto& ours = pair.a->what;
    const auto& theirs = pair.b->what;
    if (ours.index() != theirs.index())
        sinks.measured.add({key, summary(*pair.a), summary(*pair.b)});
    else if (const auto* data = std::get_if<DataMeasured>(&ours))
        compare_data(*data, std::get<DataMeasured>(theirs), a, b, sinks);
    else if (const auto* rec = std::get_if<RecMeasured>(&ours))
        compare_rec(key, *rec, std::get<RecMeasured>(theirs), sinks.measured);
    else if (const auto* ripas = std::get_if<RipasMeasured>(&ours))
        compare_ripas(*ripas, std::get<RipasMeasured>(theirs), sinks.measured);
    else
        compare_create(a, b, sinks);
}

}  // namespace rvmm::realm
