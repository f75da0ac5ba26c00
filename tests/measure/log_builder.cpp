#include "measure/log_builder.hpp"

#include <stdexcept>

namespace rvmm::measure {
namespace {

void require(const Result<>& result) {
    if (!result) throw std::runtime_error(result.error().message());
}

LogEntry data_entry(Ipa ipa) {
    LogEntry entry;
    entry.kind = LogKind::kData;
    entry.range = *IpaRange::make(ipa, kMeasuredPageSize);
    return entry;
}

LogEntry measured_page(Hash hash) {
    LogEntry entry = data_entry(Ipa{0x8000'0000});
    entry.what = "kernel";
    entry.source = "boot/\"Image\"\n\\";
    entry.offset = 8192;
    entry.measured = true;
    entry.content = *digest(hash, {Bytes(kMeasuredPageSize, std::byte{0x5a})});
    return entry;
}

LogEntry ripas_entry() {
    LogEntry entry;
    entry.kind = LogKind::kRipas;
    entry.range = *IpaRange::make(Ipa{0x8020'0000}, 2 << 20);
    return entry;
}

rmi::RecParams rec_page(const LogEntry& entry) {
    using P = rmi::RecParams;
    P page;
    page.set(P::kFlags, P::kFlagRunnable);
    page.set(P::kPc, entry.pc);
    for (std::size_t i = 0; i < entry.x.size(); ++i) page.set(P::kGprs, entry.x[i], i);
    return page;
}

LogEntry rec_entry(Hash hash) {
    LogEntry entry;
    entry.kind = LogKind::kRec;
    entry.pc = 0x8000'0000;
    entry.x[0] = 0x8fe0'0000;
    entry.x[7] = UINT64_MAX;
    entry.content = *digest(hash, {rec_page(entry).bytes()});
    return entry;
}

}  // namespace

LogHeader small_header(Rule rule, Hash hash) {
    using P = rmi::RealmParams;
    LogHeader header;
    header.tool = "rvmm 0.1.0";
    header.profile = "emulated";
    header.rule = rule;
    header.hash = hash;
    header.parameters.set(P::kFlags0, P::kFlagSve | P::kFlagPmu);
    header.parameters.set(P::kS2sz, 40);
    header.parameters.set(P::kSveVl, 1);
    header.parameters.set(P::kNumBps, 5);
    header.parameters.set(P::kNumWps, 3);
    header.parameters.set(P::kPmuNumCtrs, 6);
    header.parameters.set(P::kHashAlgo, static_cast<std::uint8_t>(hash));
    header.sources = {{"kernel", "boot/Image", Ipa{0x8000'0000}, 12345},
                      {"fdt", "(generated)", Ipa{0x8fe0'0000}, 4}};
    header.fdt = *from_hex("d00dfeed");
    return header;
}

std::vector<LogEntry> small_entries(const LogHeader& header) {
    std::vector<LogEntry> entries(5);
    entries[1] = measured_page(header.hash);
    entries[2] = data_entry(Ipa{0x8000'1000});
    entries[3] = ripas_entry();
    entries[4] = rec_entry(header.hash);
    RimExtender rim(header.rule, header.hash);
    for (std::size_t n = 0; n < entries.size(); ++n) {
        entries[n].n = n;
        entries[n].before = rim.rim();
        if (n == 0) require(rim.realm_create(header.parameters));
        if (n == 1) require(rim.data_digest(entries[n].range.base(), entries[n].content));
        if (n == 2) require(rim.data_unmeasured(entries[n].range.base()));
        if (n == 3) require(rim.ripas(entries[n].range));
        if (n == 4) require(rim.rec(rec_page(entries[n])));
        entries[n].after = rim.rim();
    }
    return entries;
}

std::string small_log(const LogHeader& header) {
    std::string log;
    append_header(log, header);
    const auto entries = small_entries(header);
    for (const LogEntry& entry : entries) append_entry(log, entry);
    append_trailer(log, entries.back().after, entries.size());
    return log;
}

}  // namespace rvmm::measure
