#include "measure/log_reader.hpp"

#include <fmt/format.h>

#include "measure/log_scanner.hpp"

namespace rvmm::measure {
namespace {

constexpr std::string_view kFirst = R"({"rvmm_measurement_log":)";
constexpr std::string_view kTrailerFirst = R"({"rim":)";
// The header's FDT is two characters a byte; file names have their share of what is left.
constexpr std::size_t kMaxHeaderLine = 2 * kMaxLogFdt + (4U << 20);
constexpr std::size_t kMaxLine = 64U << 10;

Error on_line(std::uint64_t line, Error error) {
    return std::move(error).with_context(fmt::format("line {} of the log", line));
}

// The line at `at`, without its end.
Result<std::string_view> line_at(std::string_view text, std::size_t at, std::size_t max) {
    const std::string_view rest = text.substr(at, max + 1);
    const std::size_t size = rest.find('\n');
    if (size != std::string_view::npos) return rest.substr(0, size);
    if (rest.size() > max) return fail(Stage::kImage, "it is longer than {} bytes", max);
    return fail(Stage::kImage, "the log ends before its trailer");
}

template <class Parse>
auto named(LogScanner& line, Parse parse, std::string_view what) {
    const auto value = parse(line.text());
    if (!value) line.refuse(fmt::format("{} is not known", what));
    return value.value_or(typename decltype(value)::value_type{});
}

rmi::RealmParams scan_parameters(LogScanner& line, Hash hash) {
    using P = rmi::RealmParams;
    P parameters;
    line.expect(R"(,"parameters":{"flags0":)");
    parameters.set(P::kFlags0, line.hex_number());
    const auto number = [&](std::string_view key, auto field) {
        line.expect(key);
        parameters.set(field, static_cast<std::uint32_t>(line.number(UINT32_MAX)));
    };
    number(R"(,"s2sz":)", P::kS2sz);
    number(R"(,"sve_vl":)", P::kSveVl);
    number(R"(,"num_bps":)", P::kNumBps);
    number(R"(,"num_wps":)", P::kNumWps);
    number(R"(,"pmu_num_ctrs":)", P::kPmuNumCtrs);
    line.expect(R"(,"hash_algo":)");
    const auto algorithm = static_cast<std::uint8_t>(line.number(UINT8_MAX));
    if (algorithm != static_cast<std::uint8_t>(hash)) line.refuse("it is not that of the hash");
    parameters.set(P::kHashAlgo, algorithm);
    line.expect("}");
    return parameters;
}

std::vector<LogHeader::Source> scan_sources(LogScanner& line) {
    std::vector<LogHeader::Source> sources;
    line.expect(R"(,"sources":[)");
    while (!line.accept("]") && !line.failed()) {
        if (!sources.empty()) line.expect(",");
        LogHeader::Source source;
        line.expect(R"({"what":)");
        source.what = line.text();
        line.expect(R"(,"name":)");
        source.name = line.text();
        line.expect(R"(,"base":)");
        source.base = Ipa{line.hex_number()};
        line.expect(R"(,"size":)");
        source.size = line.number();
        line.expect("}");
        sources.push_back(std::move(source));
    }
    return sources;
}

Result<LogHeader> scan_header(std::string_view text) {
    LogScanner line(text);
    LogHeader header;
    line.expect(kFirst);
    const std::uint64_t version = line.number();
    if (!line.failed() && version != kLogVersion)
        return fail(Stage::kImage, "the log is of version {}, and this rvmm reads version {}",
                    version, kLogVersion);
    line.expect(R"(,"tool":)");
    header.tool = line.text();
    line.expect(R"(,"profile":)");
    header.profile = line.text();
    line.expect(R"(,"rule":)");
    header.rule = named(line, parse_rule, "this rule");
    line.expect(R"(,"hash":)");
    header.hash = named(line, parse_hash, "this hash");
    header.parameters = scan_parameters(line, header.hash);
    header.sources = scan_sources(line);
    line.expect(R"(,"fdt":)");
    header.fdt = line.bytes(kMaxLogFdt);
    line.expect("}");
    RVMM_CHECK(line.finish());
    return header;
}

LogKind scan_kind(LogScanner& line) {
    line.expect(R"(,"kind":)");
    const std::string name = line.text();
    for (const LogKind kind : {LogKind::kCreate, LogKind::kData, LogKind::kRec, LogKind::kRipas})
        if (name == to_string(kind)) return kind;
    line.refuse("this kind is not known");
    return LogKind::kCreate;
}

IpaRange scan_range(LogScanner& line, std::optional<IpaRange> range) {
    if (!range || range->empty()) line.refuse("the range is empty or leaves the address space");
    return range.value_or(IpaRange());
}

void scan_data(LogScanner& line, Hash hash, LogEntry& entry) {
    line.expect(R"(,"ipa":)");
    const Ipa ipa{line.hex_number()};
    line.expect(R"(,"size":)");
    entry.range = scan_range(line, IpaRange::make(ipa, line.number()));
    line.expect(R"(,"what":)");
    entry.what = line.text();
    line.expect(R"(,"source":)");
    entry.source = line.text();
    line.expect(R"(,"offset":)");
    entry.offset = line.number();
    line.expect(R"(,"measured":)");
    entry.measured = line.boolean();
    line.expect(R"(,"content":)");
    if (entry.measured)
        entry.content = line.digest(hash);
    else
        line.expect(R"("")");
}

void scan_rec(LogScanner& line, Hash hash, LogEntry& entry) {
    line.expect(R"(,"index":)");
    entry.index = line.number();
    line.expect(R"(,"pc":)");
    entry.pc = line.hex_number();
    for (std::size_t i = 0; i < entry.x.size(); ++i) {
        line.expect(i == 0 ? R"(,"x":[)" : ",");
        entry.x[i] = line.hex_number();
    }
    line.expect(R"(],"content":)");
    entry.content = line.digest(hash);
}

void scan_ripas(LogScanner& line, LogEntry& entry) {
    line.expect(R"(,"base":)");
    const Ipa base{line.hex_number()};
    line.expect(R"(,"top":)");
    entry.range = scan_range(line, IpaRange::between(base, Ipa{line.hex_number()}));
}

Result<LogEntry> scan_entry(std::string_view text, Hash hash, std::uint64_t n,
                            const Digest& before) {
    LogScanner line(text);
    LogEntry entry;
    line.expect(R"({"n":)");
    entry.n = line.number();
    if (entry.n != n) line.refuse(fmt::format("the entry's number should be {}", n));
    entry.kind = scan_kind(line);
    if ((n == 0) != (entry.kind == LogKind::kCreate))
        line.refuse("the first entry, and no other, is the create");
    if (entry.kind == LogKind::kData) scan_data(line, hash, entry);
    if (entry.kind == LogKind::kRec) scan_rec(line, hash, entry);
    if (entry.kind == LogKind::kRipas) scan_ripas(line, entry);
    line.expect(R"(,"before":)");
    entry.before = line.digest(hash);
    if (entry.before != before) line.refuse("it is not the RIM that the log has come to");
    line.expect(R"(,"after":)");
    entry.after = line.digest(hash);
    line.expect("}");
    RVMM_CHECK(line.finish());
    return entry;
}

}  // namespace

Result<LogReader> LogReader::create(ByteSpan log) {
    const std::string_view text(reinterpret_cast<const char*>(log.data()), log.size());
    if (!text.starts_with(kFirst)) return fail(Stage::kImage, "it is no rvmm measurement log");
    auto line = line_at(text, 0, kMaxHeaderLine);
    if (!line) return std::unexpected(on_line(1, std::move(line).error()));
    auto header = scan_header(*line);
    if (!header) return std::unexpected(on_line(1, std::move(header).error()));
    return LogReader(text, *std::move(header), line->size() + 1);
}

LogReader::LogReader(std::string_view text, LogHeader header, std::size_t at)
    : text_(text), header_(std::move(header)), rim_(header_.hash), at_(at) {}

Result<std::optional<LogEntry>> LogReader::next() {
    if (ended_) return std::nullopt;
    const std::uint64_t number = entries_ + 2;  // of the line, counted from 1
    const auto line = line_at(text_, at_, kMaxLine);
    if (!line) return std::unexpected(on_line(number, line.error()));
    if (line->starts_with(kTrailerFirst)) {
        auto right = check_trailer(*line);
        if (!right) return std::unexpected(on_line(number, std::move(right).error()));
        ended_ = true;
        return std::nullopt;
    }
    auto entry = scan_entry(*line, header_.hash, entries_, rim_);
    if (!entry) return std::unexpected(on_line(number, std::move(entry).error()));
    at_ += line->size() + 1;
    ++entries_;
    rim_ = entry->after;
    return *std::move(entry);
}

Result<> LogReader::check_trailer(std::string_view text) const {
    LogScanner line(text);
    line.expect(kTrailerFirst);
    if (line.digest(header_.hash) != rim_)
        line.refuse("it is not the RIM that the log has come to");
    line.expect(R"(,"entries":)");
    if (line.number() != entries_) line.refuse(fmt::format("the log has {} entries", entries_));
    line.expect("}");
    RVMM_CHECK(line.finish());
    if (entries_ == 0) return fail(Stage::kImage, "the log has no entries");
    if (at_ + text.size() + 1 != text_.size())
        return fail(Stage::kImage, "something follows the trailer");
    return {};
}

}  // namespace rvmm::measure
