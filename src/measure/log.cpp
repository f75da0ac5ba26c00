#include "measure/log.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "base/utf8.hpp"

namespace rvmm::measure {
namespace {

constexpr std::array<std::string_view, 4> kKindNames = {"create", "data", "rec", "ripas"};
constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

void append_hex(std::string& out, ByteSpan bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    const std::size_t at = out.size();
    out.resize(at + 2 * bytes.size());
    char* to = out.data() + at;
    for (const std::byte b : bytes) {
        *to++ = kDigits[std::to_integer<unsigned>(b) >> 4];
        *to++ = kDigits[std::to_integer<unsigned>(b) & 15];
    }
}

bool is_special(char c) {
    return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
}

// `text` is UTF-8.
void append_escaped(std::string& out, std::string_view text) {
    while (true) {
        const auto special = std::ranges::find_if(text, is_special);
        out.append(text.begin(), special);
        if (special == text.end()) return;
        if (*special == '"' || *special == '\\')
            (out += '\\') += *special;
        else
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(*special));
        text = std::string_view(special + 1, text.end());
    }
}

void append_text(std::string& out, std::string_view text) {
    out += '"';
    while (true) {
        const std::size_t good = utf8_prefix(text);
        append_escaped(out, text.substr(0, good));
        if (good == text.size()) break;
        out += kReplacement;
        text.remove_prefix(good + 1);
    }
    out += '"';
}

// `name` is the comma, the key, the colon and the opening quote.
void append_digest(std::string& out, std::string_view name, const Digest& digest) {
    out += name;
    append_hex(out, digest.bytes());
    out += '"';
}

void append_parameters(std::string& out, const rmi::RealmParams& parameters) {
    using P = rmi::RealmParams;
    fmt::format_to(
        std::back_inserter(out),
        R"(,"parameters":{{"flags0":"{:#x}","s2sz":{},"sve_vl":{},"num_bps":{},"num_wps":{},)"
        R"("pmu_num_ctrs":{},"hash_algo":{}}})",
        parameters.get(P::kFlags0), parameters.get(P::kS2sz), parameters.get(P::kSveVl),
        parameters.get(P::kNumBps), parameters.get(P::kNumWps), parameters.get(P::kPmuNumCtrs),
        parameters.get(P::kHashAlgo));
}

void append_data(std::string& out, const LogEntry& entry) {
    fmt::format_to(std::back_inserter(out), R"(,"ipa":"{:#x}","size":{},"what":)",
                   entry.range.base().value, entry.range.size());
    append_text(out, entry.what);
    out += R"(,"source":)";
    append_text(out, entry.source);
    fmt::format_to(std::back_inserter(out), R"(,"offset":{},"measured":{})", entry.offset,
                   entry.measured);
    append_digest(out, R"(,"content":")", entry.content);
}

void append_rec(std::string& out, const LogEntry& entry) {
    fmt::format_to(std::back_inserter(out), R"(,"index":{},"pc":"{:#x}","x":["{:#x}"])",
                   entry.index, entry.pc, fmt::join(entry.x, R"(",")"));
    append_digest(out, R"(,"content":")", entry.content);
}

rmi::RecParams rec_params(const LogEntry& entry) {
    using P = rmi::RecParams;
    P params;
    params.set(P::kFlags, P::kFlagRunnable);
    params.set(P::kPc, entry.pc);
    for (std::size_t i = 0; i < entry.x.size(); ++i) params.set(P::kGprs, entry.x[i], i);
    return params;
}

Result<> extend(const LogHeader& header, const LogEntry& entry, RimExtender& extender) {
    switch (entry.kind) {
        case LogKind::kCreate:
            return extender.realm_create(header.parameters);
        case LogKind::kData:
            return entry.measured ? extender.data_digest(entry.range.base(), entry.content)
                                  : extender.data_unmeasured(entry.range.base());
        case LogKind::kRec:
            return extender.rec(rec_params(entry));
        case LogKind::kRipas:
            return extender.ripas(entry.range);
    }
    return {};
}

}  // namespace

std::string_view to_string(LogKind kind) {
    return kKindNames[static_cast<std::size_t>(kind)];
}

void append_header(std::string& out, const LogHeader& header) {
    fmt::format_to(std::back_inserter(out), R"({{"rvmm_measurement_log":{},"tool":)", kLogVersion);
    append_text(out, header.tool);
    out += R"(,"profile":)";
    append_text(out, header.profile);
    fmt::format_to(std::back_inserter(out), R"(,"rule":"{}","hash":"{}")", to_string(header.rule),
                   to_string(header.hash));
    append_parameters(out, header.parameters);
    out += R"(,"sources":[)";
    for (bool first = true; const LogHeader::Source& source : header.sources) {
        out += first ? R"({"what":)" : R"(,{"what":)";
        first = false;
        append_text(out, source.what);
        out += R"(,"name":)";
        append_text(out, source.name);
        fmt::format_to(std::back_inserter(out), R"(,"base":"{:#x}","size":{}}})", source.base.value,
                       source.size);
    }
    out += R"(],"fdt":")";
    append_hex(out, header.fdt);
    out += "\"}\n";
}

void append_entry(std::string& out, const LogEntry& entry) {
    fmt::format_to(std::back_inserter(out), R"({{"n":{},"kind":"{}")", entry.n,
                   to_string(entry.kind));
    if (entry.kind == LogKind::kData) append_data(out, entry);
    if (entry.kind == LogKind::kRec) append_rec(out, entry);
    if (entry.kind == LogKind::kRipas)
        fmt::format_to(std::back_inserter(out), R"(,"base":"{:#x}","top":"{:#x}")",
                       entry.range.base().value, entry.range.top().value);
    append_digest(out, R"(,"before":")", entry.before);
    append_digest(out, R"(,"after":")", entry.after);
    out += "}\n";
}

void append_trailer(std::string& out, const Digest& rim, std::uint64_t entries) {
    append_digest(out, R"({"rim":")", rim);
    fmt::format_to(std::back_inserter(out), ",\"entries\":{}}}\n", entries);
}

Result<> verify_entry(const LogHeader& header, const LogEntry& entry, RimExtender& extender) {
    if (entry.kind == LogKind::kRec) {
        RVMM_TRY(const Digest page, digest(header.hash, {rec_params(entry).bytes()}));
        if (page != entry.content)
            return fail(Stage::kImage,
                        "entry {} says that its REC's parameters hash to {}, but they hash to {}",
                        entry.n, to_hex(entry.content), to_hex(page));
    }
    extender.resume(entry.before);
    RVMM_CHECK(extend(header, entry, extender));
    if (extender.rim() == entry.after) return {};
    return fail(Stage::kImage, "entry {} says that the RIM becomes {}, but it becomes {}", entry.n,
                to_hex(entry.after), to_hex(extender.rim()));
}

}  // namespace rvmm::measure
