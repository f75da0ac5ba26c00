// The measurement log: how a RIM came about, one entry an extension, as JSON Lines, so that it can
// be written and compared as a stream of any length. docs/measurement-log.md shows the lines.
//
//   header   {"rvmm_measurement_log":1,"tool":...}: what was measured under which rule
//   entries  {"n":0,"kind":"create",...}, then "data", "rec" and "ripas" in the order of the calls
//   trailer  {"rim":"...","entries":N}
//
// The text is canonical: keys in one order, no spaces, lower-case hex, numbers without leading
// zeros. Same content, same bytes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "base/error.hpp"
#include "measure/hash.hpp"
#include "measure/rim.hpp"
#include "rmi/records.hpp"

namespace rvmm::measure {

inline constexpr std::uint64_t kLogVersion = 1;

/// Texts of a log are UTF-8; where one is not (file names need not be), U+FFFD stands for the byte.
struct LogHeader {
    /// A file, or something generated, of which the realm's memory was made.
    struct Source {
        std::string what;  // "kernel"
        std::string name;  // a path, "(generated)"
        Ipa base;
        std::uint64_t size = 0;  // bytes

        friend bool operator==(const Source&, const Source&) = default;
    };

    std::string tool;     // "rvmm 0.1.0"
    std::string profile;  // its name
    Rule rule = Rule::kRmm2TfRmm;
    Hash hash = Hash::kSha256;
    rmi::RealmParams parameters;  // the measured fields are logged; hash_algo is that of `hash`
    std::vector<Source> sources;
    Bytes fdt;  // at most kMaxLogFdt; may be empty
};
inline constexpr std::size_t kMaxLogFdt = 2 << 20;

/// RMI_REALM_CREATE; a page of DATA; a runnable REC; an RTT entry that RMI_RTT_INIT_RIPAS made RAM.
enum class LogKind : std::uint8_t { kCreate, kData, kRec, kRipas };
/// "create", "data", "rec", "ripas".
std::string_view to_string(LogKind kind);

struct LogEntry {
    std::uint64_t n = 0;  // counted from 0
    LogKind kind = LogKind::kCreate;

    IpaRange range;  // data: the granule; ripas: the RTT entry

    // Data alone.
    std::string what;          // "kernel", as in the header's sources
    std::string source;        // the source's name
    std::uint64_t offset = 0;  // of the page's first byte in the source
    bool measured = false;

    Digest content;  // data, if measured: of the page; rec: of the measured REC page; else nothing

    // Rec alone. Its flags are 1: runnable.
    std::uint64_t index = 0;
    std::uint64_t pc = 0;
    std::array<std::uint64_t, 8> x{};

    Digest before;  // the RIM: zero before the create
    Digest after;

    friend bool operator==(const LogEntry&, const LogEntry&) = default;
};

/// Append one line to `out`. Nothing is allocated but `out` itself, so a caller that writes many
/// entries keeps one LogEntry and one buffer.
void append_header(std::string& out, const LogHeader& header);
void append_entry(std::string& out, const LogEntry& entry);
void append_trailer(std::string& out, const Digest& rim, std::uint64_t entries);

/// Computes `entry.after` (and a REC's `content`) anew from the entry's other fields, by
/// `extender`, which is of the header's rule and hash and whose RIM is replaced. Fails
/// (Stage::kImage) if the log says anything else.
Result<> verify_entry(const LogHeader& header, const LogEntry& entry, RimExtender& extender);

}  // namespace rvmm::measure
