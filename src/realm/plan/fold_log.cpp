#include "realm/plan/fold_log.hpp"

#include "base/version.hpp"

namespace rvmm::realm {
namespace {

constexpr std::size_t kManyLines = 256U << 10;  // bytes

measure::LogKind log_kind(Extension::Kind kind) {
    switch (kind) {
        case Extension::Kind::kCreate:
            return measure::LogKind::kCreate;
        case Extension::Kind::kData:
            return measure::LogKind::kData;
        case Extension::Kind::kRec:
            return measure::LogKind::kRec;
        case Extension::Kind::kRipas:
            break;
    }
    return measure::LogKind::kRipas;
}

measure::LogHeader log_header(const LaunchPlan& plan) {
    measure::LogHeader header;
    header.tool = fmt::format("rvmm {}", kVersion);
    header.profile = plan.profile()->name;
    header.rule = plan.profile()->rule;
    header.hash = plan.spec().realm->hash;
    header.parameters = realm_params(plan);
    for (const Blob& blob : plan.layout().blobs) {
        header.sources.push_back({.what = std::string(to_string(blob.kind)),
                                  .name = blob.source_name(),
                                  .base = blob.base,
                                  .size = blob.source_size()});
        if (blob.kind == Blob::Kind::kFdt)
            header.fdt.assign(blob.contents.source().begin(), blob.contents.source().end());
    }
    return header;
}

void set_entry(measure::LogEntry& entry, const Extension& extension, std::uint64_t n) {
    entry.n = n;
    entry.kind = log_kind(extension.kind);
    entry.range = extension.range;
    entry.offset = extension.offset;
    entry.measured = extension.measured;
    entry.content = extension.content;
    if (extension.rec != nullptr) {
        entry.index = extension.rec->index;
        entry.pc = extension.rec->pc;
        entry.x = extension.rec->gprs;
    }
    entry.before = extension.before;
    entry.after = extension.after;
}

}  // namespace

FoldLog::FoldLog(const LaunchPlan& plan, Sink sink) : sink_(std::move(sink)) {
    measure::append_header(lines_, log_header(plan));
}

std::function<Result<>(const Extension&)> FoldLog::callback() {
    return [this](const Extension& extension) { return add(extension); };
}

Result<> FoldLog::add(const Extension& extension) {
    if (extension.blob != nullptr && extension.blob != blob_) {
        blob_ = extension.blob;
        entry_.what = to_string(blob_->kind);
        entry_.source = blob_->source_name();
    }
    set_entry(entry_, extension, count_++);
    measure::append_entry(lines_, entry_);
    if (lines_.size() < kManyLines) return {};
    RVMM_CHECK(sink_(lines_));
    lines_.clear();
    return {};
}

Result<> FoldLog::finish(const measure::Digest& rim) {
    measure::append_trailer(lines_, rim, count_);
    return sink_(lines_);
}

}  // namespace rvmm::realm
