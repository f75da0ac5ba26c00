#include <algorithm>
#include <optional>

#include "base/json_fields.hpp"
#include "base/text.hpp"
#include "realm/layout/dts.hpp"
#include "realm/plan/measurement.hpp"

namespace rvmm::realm {
namespace {

using measure::Digest;
using nlohmann::json;
using nlohmann::ordered_json;

ordered_json written(const CreateMeasured& /*create*/) {
    return {{"kind", "create"}};
}
ordered_json written(const DataMeasured& data) {
    ordered_json out = {{"kind", "data"},          {"what", data.what},
                        {"source", data.source},   {"base", hex(data.base.value)},
                        {"size", data.size},       {"source_size", data.source_size},
                        {"granule", data.granule}, {"measured", data.measured},
                        {"content", nullptr}};
    if (data.measured) out["content"] = to_hex(data.content);
    return out;
}
ordered_json written(const RecMeasured& rec) {
    return {{"kind", "rec"},
            {"index", rec.index},
            {"runnable", rec.runnable},
            {"pc", hex(rec.pc)},
            {"x0", hex(rec.x0)}};
}
ordered_json written(const RipasMeasured& ripas) {
    return {{"kind", "ripas"},
            {"base", hex(ripas.range.base().value)},
            {"top", hex(ripas.range.top().value)},
            {"entries", ripas.entries}};
}
ordered_json written(const MeasuredParameters& p) {
    return {{"flags0", hex(p.flags0)}, {"s2sz", p.s2sz},       {"sve_vl", p.sve_vl},
            {"num_bps", p.num_bps},    {"num_wps", p.num_wps}, {"pmu_num_ctrs", p.pmu_num_ctrs},
            {"hash_algo", p.hash_algo}};
}

/// Takes typed values out of one JSON object. The first key that is missing or wrong is kept, and
/// everything after it reads as nothing.
class Fields {
  public:
    Fields(const json& object, std::string where, std::string& problem)
        : object_(object), where_(std::move(where)), problem_(problem) {}

    std::string text(const char* key) {
        return take(key, as_text(member(object_, key)), "a string");
    }
    bool flag(const char* key) {
        const json* value = member(object_, key);
        std::optional<bool> read;
        if (value != nullptr && value->is_boolean()) read = value->get<bool>();
        return take(key, read, "true or false");
    }
    std::uint64_t number(const char* key, std::uint64_t most) {
        return take(key, as_unsigned(member(object_, key), most),
                    fmt::format("a number of at most {}", most));
    }
    std::uint64_t hex_number(const char* key) {
        std::optional<std::uint64_t> read;
        const auto value = as_text(member(object_, key));
        if (value && value->starts_with("0x")) read = parse_unsigned(*value);
        return take(key, read, "a string 0x... of 64 bits");
    }
    Digest digest(const char* key, measure::Hash hash) {
        return take(key, digest_of(as_text(member(object_, key)), hash),
                    fmt::format("{} hex digits", 2 * digest_size(hash)));
    }
    Bytes bytes(const char* key, std::size_t least, std::size_t most) {
        std::optional<Bytes> read;
        const auto value = as_text(member(object_, key));
        if (value) read = from_hex(*value);
        if (read && (read->size() < least || read->size() > most)) read.reset();
        return take(key, std::move(read), fmt::format("hex digits of {} to {} bytes", least, most));
    }
    /// The value of a name that `parse` knows.
    template <class Parse>
    auto named(const char* key, Parse parse) {
        const auto value = as_text(member(object_, key));
        return take(key, value ? parse(*value) : std::nullopt, "a name that is known");
    }
    const json* list(const char* key) {
        const json* value = member(object_, key);
        require(value != nullptr && value->is_array(), key, "a list");
        return ok() ? value : nullptr;
    }
    /// Notes that `key` is not `expected`, unless it holds.
    void require(bool holds, const char* key, std::string_view expected) {
        if (holds || !ok()) return;
        problem_ = member(object_, key) == nullptr
                       ? fmt::format("{}{} is missing", where_, key)
                       : fmt::format("{}{} is not {}", where_, key, expected);
    }
    bool ok() const { return problem_.empty(); }

    static std::optional<Digest> digest_of(const std::optional<std::string>& text,
                                           measure::Hash hash) {
        const auto digest = text ? Digest::from_hex(*text) : std::nullopt;
        return digest && digest->size() == digest_size(hash) ? digest : std::nullopt;
    }

  private:
    template <class T>
    T take(const char* key, std::optional<T> value, std::string_view expected) {
        require(value.has_value(), key, expected);
        return value && ok() ? *std::move(value) : T();
    }
    const json& object_;
    std::string where_;
    std::string& problem_;
};

MeasuredParameters read_parameters(Fields fields) {
    return {.flags0 = fields.hex_number("flags0"),
            .s2sz = static_cast<std::uint32_t>(fields.number("s2sz", UINT32_MAX)),
            .sve_vl = static_cast<std::uint32_t>(fields.number("sve_vl", UINT32_MAX)),
            .num_bps = static_cast<std::uint32_t>(fields.number("num_bps", UINT32_MAX)),
            .num_wps = static_cast<std::uint32_t>(fields.number("num_wps", UINT32_MAX)),
            .pmu_num_ctrs = static_cast<std::uint32_t>(fields.number("pmu_num_ctrs", UINT32_MAX)),
            .hash_algo = static_cast<std::uint8_t>(fields.number("hash_algo", UINT8_MAX))};
}

DataMeasured read_data(Fields& fields, measure::Hash hash) {
    DataMeasured data{.what = fields.text("what"),
                      .source = fields.text("source"),
                      .base = Ipa{fields.hex_number("base")},
                      .size = fields.number("size", kMaxMemory),
                      .source_size = fields.number("source_size", kMaxMemory),
                      .granule = fields.number("granule", 64U << 10),
                      .measured = fields.flag("measured")};
    const bool granule =
        data.granule == kPageSize4K || data.granule == 16U << 10 || data.granule == 64U << 10;
    fields.require(granule, "granule", "4096, 16384 or 65536");
    if (!fields.ok()) return data;
    fields.require(data.size != 0 && is_aligned(data.size, data.granule), "size",
                   "a number of whole granules");
    fields.require(data.source_size <= data.size, "source_size", "at most size");
    fields.require(is_aligned(data.base.value, data.granule) &&
                       IpaRange::make(data.base, data.size).has_value(),
                   "base", "the start of a granule");
    if (data.measured) data.content = fields.digest("content", hash);
    return data;
}

RipasMeasured read_ripas(Fields& fields) {
    const Ipa base{fields.hex_number("base")};
    const Ipa top{fields.hex_number("top")};
    const auto range = IpaRange::between(base, top);
    fields.require(range.has_value(), "top", "at least base");
    return {.range = range.value_or(IpaRange()), .entries = fields.number("entries", UINT64_MAX)};
}

MeasuredStep read_step(Fields fields, measure::Hash hash) {
    const std::string kind = fields.text("kind");
    MeasuredStep step;
    if (kind == "data")
        step.what = read_data(fields, hash);
    else if (kind == "rec")
        step.what = RecMeasured{.index = fields.number("index", UINT64_MAX),
                                .runnable = fields.flag("runnable"),
                                .pc = fields.hex_number("pc"),
                                .x0 = fields.hex_number("x0")};
    else if (kind == "ripas")
        step.what = read_ripas(fields);
    else
        fields.require(kind == "create", "kind", "create, data, rec or ripas");
    step.rim = fields.digest("rim", hash);
    return step;
}

void read_rems(Fields& fields, Measurement& m) {
    const json* rems = fields.list("rems");
    fields.require(rems != nullptr && rems->size() == m.rems.size(), "rems", "a list of 4");
    for (std::size_t i = 0; i < m.rems.size() && fields.ok(); ++i) {
        const auto rem = Fields::digest_of(as_text(&(*rems)[i]), m.hash);
        fields.require(rem.has_value(), "rems",
                       fmt::format("a list of {} hex digits each", 2 * digest_size(m.hash)));
        if (rem) m.rems[i] = *rem;
    }
}

void read_steps(Fields& fields, Measurement& m, std::string& problem) {
    const json* steps = fields.list("steps");
    if (steps == nullptr) return;
    for (std::size_t i = 0; i < steps->size() && fields.ok(); ++i)
        m.steps.push_back(
            read_step(Fields((*steps)[i], fmt::format("steps[{}].", i), problem), m.hash));
    if (!fields.ok()) return;
    fields.require(!m.steps.empty() && std::holds_alternative<CreateMeasured>(m.steps[0].what),
                   "steps", "a list that starts with kind create");
    if (fields.ok()) fields.require(m.steps.back().rim == m.rim, "rim", "that of the last step");
}

Measurement read(const json& object, std::string& problem) {
    Fields fields(object, "", problem);
    Measurement m{.tool = fields.text("tool"),
                  .profile = fields.text("profile"),
                  .rule = fields.named("rule", measure::parse_rule),
                  .verified = fields.flag("verified"),
                  .hash = fields.named("hash", measure::parse_hash)};
    m.rim = fields.digest("rim", m.hash);
    read_rems(fields, m);
    const Bytes personal =
        fields.bytes("personalization", m.personalization.size(), m.personalization.size());
    std::ranges::copy(personal, m.personalization.begin());
    if (const json* parameters = member(object, "parameters"))
        m.parameters = read_parameters(Fields(*parameters, "parameters.", problem));
    else
        fields.require(false, "parameters", "");
    fields.require(m.parameters.hash_algo == static_cast<std::uint8_t>(m.hash), "parameters",
                   "of the same hash");
    read_steps(fields, m, problem);
    m.fdt = fields.bytes("fdt", 0, kMaxFdtSize);
    return m;
}

}  // namespace

std::string to_json(const Measurement& m) {
    ordered_json out = {{"tool", m.tool},
                        {"profile", m.profile},
                        {"rule", measure::to_string(m.rule)},
                        {"verified", m.verified},
                        {"hash", measure::to_string(m.hash)},
                        {"rim", to_hex(m.rim)},
                        {"rems", ordered_json::array()},
                        {"personalization", to_hex(ByteSpan(m.personalization))},
                        {"parameters", written(m.parameters)},
                        {"steps", ordered_json::array()},
                        {"fdt", to_hex(m.fdt)}};
    for (const Digest& rem : m.rems) out["rems"].push_back(to_hex(rem));
    for (const MeasuredStep& step : m.steps) {
        ordered_json entry = std::visit([](const auto& what) { return written(what); }, step.what);
        entry["rim"] = to_hex(step.rim);
        out["steps"].push_back(std::move(entry));
    }
    // A file name may be no UTF-8.
    return out.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

Result<Measurement> parse_measurement(std::string_view text, std::string_view name) {
    const auto object = parse_object(text);
    if (!object) return fail(Stage::kImage, "{}: it is not a JSON object", name);
    const auto tool = as_text(member(*object, "tool"));
    if (!tool || !tool->starts_with("rvmm ") || member(*object, "rim") == nullptr)
        return fail(Stage::kImage, "{}: it is not a measurement that rvmm wrote", name);
    std::string problem;
    Measurement read_one = read(*object, problem);
    if (!problem.empty()) return fail(Stage::kImage, "{}: {}", name, problem);
    return read_one;
}

}  // namespace rvmm::realm
