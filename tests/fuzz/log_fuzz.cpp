// Any bytes as a measurement log: what is accepted is written back as it was. An even first byte
// stands for a good log with some bytes changed, which random bytes would hardly ever be.
#include <cstdlib>
#include <string>

#include "measure/log_reader.hpp"

namespace {

using namespace rvmm;
using namespace rvmm::measure;

void require(bool condition) {
    if (!condition) std::abort();
}

LogEntry next_entry(const LogEntry& last, LogKind kind) {
    LogEntry entry;
    entry.n = last.n + 1;
    entry.kind = kind;
    if (kind != LogKind::kRec) entry.range = *IpaRange::make(Ipa{0x8000'0000}, 4096);
    entry.before = entry.after = last.after;
    return entry;
}

const std::string& good_log() {
    static const std::string log = [] {
        std::string text;
        LogHeader header;
        header.sources = {{"kernel", "a\nb", Ipa{4096}, 1}};
        header.fdt = Bytes(3);
        append_header(text, header);
        LogEntry entry;
        entry.before = entry.after = Digest(Hash::kSha256);
        append_entry(text, entry);
        entry = next_entry(entry, LogKind::kData);
        append_entry(text, entry);
        entry = next_entry(entry, LogKind::kData);
        entry.measured = true;
        entry.content = entry.after;
        append_entry(text, entry);
        entry = next_entry(entry, LogKind::kRipas);
        append_entry(text, entry);
        entry = next_entry(entry, LogKind::kRec);
        entry.content = entry.after;
        append_entry(text, entry);
        append_trailer(text, entry.after, entry.n + 1);
        return text;
    }();
    return log;
}

// Each three bytes of `edits` replace one character: where (little-endian), and by what.
std::string changed(std::string text, ByteSpan edits) {
    for (; edits.size() >= 3; edits = edits.subspan(3))
        text[load_le<std::uint16_t>(edits) % text.size()] = std::to_integer<char>(edits[2]);
    return text;
}

void check(std::string_view text) {
    auto reader = LogReader::create(as_bytes(text));
    if (!reader) return;
    std::string again;
    append_header(again, reader->header());
    RimExtender extender(reader->header().rule, reader->header().hash);
    while (true) {
        const auto entry = reader->next();
        if (!entry) return;
        if (!*entry) break;
        append_entry(again, **entry);
        (void)verify_entry(reader->header(), **entry, extender);
    }
    append_trailer(again, reader->rim(), reader->entries());
    require(again == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span input(data, size);
    if (size > 0 && data[0] % 2 == 0) check(changed(good_log(), std::as_bytes(input.subspan(1))));
    check(std::string_view(reinterpret_cast<const char*>(data), size));
    return 0;
}
