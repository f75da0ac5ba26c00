#include "realm/plan/measured_input.hpp"

#include <algorithm>
#include <memory>

#include "measure/endorsement.hpp"
#include "measure/log_reader.hpp"
#include "realm/plan/fold.hpp"
#include "realm/plan/measurement_log.hpp"

namespace rvmm::realm {
namespace {

using Kind = MeasuredInput::Kind;

constexpr std::uint64_t kMostFile = 16ULL << 30;  // bytes: a log of some 30 million pages
constexpr std::uint64_t kMostRead = 64ULL << 20;  // bytes of what is read as a whole
constexpr std::size_t kSeen = 4096;               // bytes that tell what a file is

std::string_view text_of(ByteSpan bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// What `bytes` are by their beginning; nothing if they are no text and no CoRIM.
std::optional<Kind> kind_of(ByteSpan bytes) {
    const std::string_view text = text_of(bytes.first(std::min(bytes.size(), kSeen)));
    if (text.starts_with("\xd9\x01\xf5")) return Kind::kCorim;  // CBOR tag 501
    if (text.starts_with(R"({"rvmm_measurement_log":)")) return Kind::kLog;
    const auto is_control = [](char c) {
        return static_cast<unsigned char>(c) < ' ' && c != '\t' && c != '\n' && c != '\r';
    };
    if (text.empty() || std::ranges::any_of(text, is_control)) return std::nullopt;
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    return first != text.npos && text[first] == '{' ? Kind::kDocument : Kind::kConfig;
}

Result<> load_config_into(MeasuredInput& input, const std::filesystem::path& path,
                          const ConfigOptions& options, const ProfileTable& profiles) {
    RVMM_TRY(auto spec, load_config(path, options));
    if (!spec.realm)
        return fail(Stage::kConfig,
                    "{}: it has no [realm] table, and an ordinary VM has no measurement",
                    input.name);
    RVMM_TRY(auto plan, LaunchPlan::create(std::move(spec),
                                           {.reading = Reading::kMap, .profiles = &profiles}));
    RVMM_TRY(const Folded folded, fold(plan));
    input.measurement = make_measurement(plan, folded);
    input.plan = std::move(plan);
    return {};
}

Result<> read_log(MeasuredInput& input, ByteSpan bytes) {
    RVMM_TRY(input.measurement, measurement_of_log(bytes));
    return {};
}

Result<> read_corim(MeasuredInput& input, ByteSpan bytes) {
    RVMM_TRY(const measure::Endorsement endorsement, measure::from_corim(bytes));
    input.hash = endorsement.hash;
    input.rim = endorsement.rim;
    input.personalization = endorsement.rpv;
    return {};
}

/// Reads what is no config.
Result<> read(MeasuredInput& input, ByteSpan bytes) {
    if (input.kind != Kind::kLog && bytes.size() > kMostRead)
        return fail(Stage::kImage, "{}: it is too large: {} bytes", input.name, bytes.size());
    if (input.kind == Kind::kDocument) {
        RVMM_TRY(input.measurement, parse_measurement(text_of(bytes), input.name));
        return {};
    }
    auto done = input.kind == Kind::kLog ? read_log(input, bytes) : read_corim(input, bytes);
    if (!done) return std::unexpected(std::move(done).error().with_context(input.name));
    return {};
}

/// Fills what follows from the measurement.
void finish(MeasuredInput& input) {
    if (!input.measurement) return;
    input.hash = input.measurement->hash;
    input.rim = input.measurement->rim;
    if (input.kind == Kind::kLog) return;
    const auto& rpv = input.measurement->personalization;
    input.personalization = Bytes(rpv.begin(), rpv.end());
}

std::unexpected<Error> unknown(std::string_view name) {
    return fail(Stage::kImage,
                "{}: it is no config, measurement log, measurement document or CoRIM", name);
}

Result<MeasuredInput> made_of(std::string name, Kind kind, Contents file) {
    MeasuredInput input{.name = std::move(name), .kind = kind};
    RVMM_CHECK(read(input, file.source()));
    RVMM_CHECK(file.check_unchanged());
    if (kind == Kind::kLog) input.file = std::move(file);
    finish(input);
    return input;
}

/// The digests of a log's entries from number `first` on.
Result<PageDigests> digests_of_log(const MeasuredInput& input, std::uint64_t first) {
    RVMM_TRY(auto made, measure::LogReader::create(input.file.source()));
    const auto reader = std::make_shared<measure::LogReader>(std::move(made));
    for (std::uint64_t i = 0; i < first; ++i)
        if (auto entry = reader->next(); !entry) return std::unexpected(std::move(entry).error());
    return [reader]() -> Result<measure::Digest> {
        RVMM_TRY(const auto entry, reader->next());
        return entry ? entry->content : measure::Digest();
    };
}

}  // namespace

std::string_view to_string(Kind kind) {
    switch (kind) {
        case Kind::kConfig:
            return "config";
        case Kind::kLog:
            return "log";
        case Kind::kDocument:
            return "document";
        case Kind::kCorim:
            return "CoRIM";
    }
    return "";
}

Result<MeasuredInput> load_measured_input(const std::filesystem::path& path,
                                          const ConfigOptions& options,
                                          const ProfileTable& profiles) {
    RVMM_TRY(Contents file, Contents::of_file("file", path, kMostFile, Reading::kMap));
    if (file.size() == 0) return fail(Stage::kImage, "file {} is empty", path.native());
    const auto kind = kind_of(file.source());
    if (!kind) return unknown(path.native());
    if (*kind != Kind::kConfig) return made_of(path.native(), *kind, std::move(file));
    MeasuredInput input{.name = path.native()};
    RVMM_CHECK(load_config_into(input, path, options, profiles));
    finish(input);
    return input;
}

Result<MeasuredInput> parse_measured_input(ByteSpan bytes, std::string_view name) {
    const auto kind = kind_of(bytes);
    if (!kind || *kind == Kind::kConfig) return unknown(name);
    RVMM_TRY(Contents copy, Contents::copy(bytes));
    return made_of(std::string(name), *kind, std::move(copy));
}

Result<std::optional<PageDigests>> page_digests(const MeasuredInput& input, std::string_view what,
                                                std::uint64_t first) {
    if (input.kind == Kind::kLog) return digests_of_log(input, first);
    const auto bytes = contents_of(input, what);
    if (!bytes) return std::nullopt;
    const std::size_t granule = input.plan->profile()->page_size;
    return [hash = input.hash, rest = *bytes, granule]() mutable {
        auto digest = measure::digest(hash, {rest.first(granule)});
        rest = rest.subspan(granule);
        return digest;
    };
}

std::optional<ByteSpan> contents_of(const MeasuredInput& input, std::string_view what) {
    if (!input.plan) return std::nullopt;
    for (const Blob& blob : input.plan->layout().blobs)
        if (to_string(blob.kind) == what) return blob.bytes();
    return std::nullopt;
}

}  // namespace rvmm::realm
