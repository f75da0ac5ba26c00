#include "realm/rmm/case_runner.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "realm/rmm/rsi_call_text.hpp"

namespace rvmm::realm {

using rmi::RmiStatus;

namespace {

using P = rmi::RealmParams;

constexpr std::size_t kRpvSize = 64;
constexpr std::string_view kRsiOperation = "rsi";
constexpr std::string_view kInitRipasOperation = "rtt_init_ripas";

// RSI calls write to realm memory, and no step reads it.
class UnreadMemory : public RealmMemory {
  public:
    Result<> read(Ipa, MutableByteSpan out) override {
        std::ranges::fill(out, std::byte{0});
        return {};
    }
    Result<> write(Ipa, ByteSpan) override { return {}; }
};

Result<> set_counts(rmi::RealmParams& params, const StepFields& step) {
    const auto set = [&](auto field, const char* key, bool required) -> Result<> {
        RVMM_TRY(const std::uint64_t value,
                 required ? step.number(key, UINT32_MAX) : step.number_or(key, 0, UINT32_MAX));
        params.set(field, static_cast<std::uint32_t>(value));
        return {};
    };
    RVMM_CHECK(set(P::kS2sz, "s2sz", true));
    RVMM_CHECK(set(P::kSveVl, "sve_vl", false));
    RVMM_CHECK(set(P::kNumBps, "num_bps", true));
    RVMM_CHECK(set(P::kNumWps, "num_wps", true));
    RVMM_CHECK(set(P::kPmuNumCtrs, "pmu_num_ctrs", false));
    RVMM_CHECK(set(P::kRttNumStart, "rtt_num_start", true));
    return set(P::kNumAuxPlanes, "num_aux_planes", false);
}

// A page as "content" describes it: bytes that are kept in `page`, or a digest.
Result<PageContent> page_content(const StepFields& content, MutableByteSpan page) {
    if (content.has("digest")) {
        RVMM_TRY(const std::string text, content.text("digest"));
        const auto digest = measure::Digest::from_hex(text);
        if (!digest || digest->empty()) return fail(Stage::kConfig, "\"digest\" is no digest");
        return PageContent(*digest);
    }
    if (content.has("hex")) {
        RVMM_TRY(const Bytes bytes, content.bytes("hex", page.size()));
        if (bytes.size() != page.size())
            return fail(Stage::kConfig, "\"hex\" is a page of {} bytes, not {}", page.size(),
                        bytes.size());
        std::ranges::copy(bytes, page.begin());
        return PageContent(page);
    }
    RVMM_TRY(const std::string kind, content.text("gen"));
    RVMM_TRY(const std::uint64_t number, content.number("page"));
    if (kind != "lin" && kind != "zero" && kind != "ff")
        return fail(Stage::kConfig, "\"gen\" is lin, zero or ff, not {}",
                    shown(*content.find("gen")));
    std::ranges::fill(page, kind == "ff" ? std::byte{0xff} : std::byte{0});
    if (kind == "lin")
        for (std::size_t i = 0; i < page.size(); ++i)
            page[i] = static_cast<std::byte>((i * 131 + number * 17) & 0xff);
    return PageContent(page);
}

}  // namespace

CaseRunner::CaseRunner(const Platform& platform, measure::RemRule rem_rule,
                       std::optional<measure::Hash> named_hash)
    : platform_(platform),
      rem_rule_(rem_rule),
      named_hash_(named_hash),
      memory_(std::make_unique<UnreadMemory>()) {}

CaseRunner::~CaseRunner() = default;

std::span<const CaseRunner::NamedOperation> CaseRunner::operations() {
    static constexpr std::array<NamedOperation, 10> kOperations = {{
        {"realm_create", &CaseRunner::realm_create},
        {"rtt_create", &CaseRunner::rtt_create},
        {kInitRipasOperation, &CaseRunner::rtt_init_ripas},
        {"data_create", &CaseRunner::data_create},
        {"rtt_data_map_init", &CaseRunner::data_create},
        {"data_create_unknown", &CaseRunner::data_create_unknown},
        {"rtt_data_map", &CaseRunner::data_create_unknown},
        {"rec_create", &CaseRunner::rec_create},
        {"realm_activate", &CaseRunner::realm_activate},
        {"rec_enter", &CaseRunner::rec_enter},
    }};
    return kOperations;
}

Result<CaseRunner::Operation> CaseRunner::find(const std::string& op) {
    const auto found = std::ranges::find(operations(), op, &NamedOperation::name);
    if (found != operations().end()) return found->run;
    std::vector<std::string_view> names = {kRsiOperation};
    for (const NamedOperation& operation : operations()) names.push_back(operation.name);
    const auto close = nearest(op, names);
    return fail(Stage::kConfig, "there is no such op{}",
                close ? fmt::format(", did you mean \"{}\"?", *close) : "");
}

Result<StepOutcome> CaseRunner::run(const std::string& op, const StepFields& step) {
    StepOutcome outcome;
    outcome.op = op;
    if (op == kRsiOperation) {
        RVMM_TRY(outcome.rc, rsi(step));
        outcome.rem = rems();
    } else {
        RVMM_TRY(const Operation operation, find(op));
        RVMM_TRY(const RmiAnswer answer, (this->*operation)(step));
        outcome.rc = static_cast<std::uint64_t>(answer.status);
        if (answer.status == RmiStatus::kErrorRtt) outcome.rc_level = answer.level;
        if (op == kInitRipasOperation) outcome.out_top = answer.value;
    }
    outcome.rim = rim();
    return outcome;
}

measure::Hash CaseRunner::hash() const {
    if (const auto* realm = std::get_if<NewRealm>(&realm_)) return realm->hash();
    if (const auto* realm = std::get_if<ActivatedRealm>(&realm_)) return realm->active().hash;
    return named_hash_.value_or(measure::Hash::kSha256);
}

measure::Digest CaseRunner::rim() const {
    if (const auto* realm = std::get_if<NewRealm>(&realm_)) return realm->rim();
    if (const auto* realm = std::get_if<ActivatedRealm>(&realm_)) return realm->active().rim;
    return measure::Digest(hash());
}

std::array<measure::Digest, 4> CaseRunner::rems() const {
    std::array<measure::Digest, 4> rems;
    rems.fill(measure::Digest(hash()));
    if (rsi_)
        for (std::size_t i = 0; i < rems.size(); ++i)
            rems.at(i) = measure::Digest::from(rsi_->measurement(i + 1)).value();
    return rems;
}

// Without a realm there is no realm descriptor, which every command checks before all else.
template <class Command>
Result<RmiAnswer> CaseRunner::on_realm(Command command) {
    return std::visit(
        [&](auto& realm) -> Result<RmiAnswer> {
            if constexpr (std::is_same_v<std::decay_t<decltype(realm)>, std::monostate>)
                return kInputError;
            else
                return command(realm);
        },
        realm_);
}

Result<rmi::RealmParams> CaseRunner::realm_params(const StepFields& step) const {
    P params;
    const char* flags = step.has("flags0") ? "flags0" : "flags";
    RVMM_TRY(const std::uint64_t flags0, step.number_or(flags, 0));
    params.set(P::kFlags0, flags0);
    RVMM_CHECK(set_counts(params, step));
    RVMM_TRY(const std::uint64_t hash,
             named_hash_
                 ? step.number_or("hash_algo", static_cast<std::uint64_t>(*named_hash_), UINT8_MAX)
                 : step.number("hash_algo", UINT8_MAX));
    params.set(P::kHashAlgo, static_cast<std::uint8_t>(hash));
    if (step.has("rpv")) {
        RVMM_TRY(const Bytes rpv, step.bytes("rpv", kRpvSize));
        params.set(P::kRpv, rpv);
    }
    RVMM_TRY(const std::int64_t level, step.level("rtt_level_start"));
    params.set(P::kRttLevelStart, level);
    RVMM_TRY(const std::uint64_t ats_plane, step.number_or("ats_plane", 0));
    params.set(P::kAtsPlane, ats_plane);
    RVMM_TRY(const std::uint64_t flags1, step.number_or("flags1", 0));
    params.set(P::kFlags1, flags1);
    return params;
}

Result<RmiAnswer> CaseRunner::realm_create(const StepFields& step) {
    RVMM_TRY(const rmi::RealmParams params, realm_params(step));
    if (!std::holds_alternative<std::monostate>(realm_)) return kInputError;  // same granules
    RVMM_TRY(auto realm, NewRealm::create(platform_.features, params));
    if (!realm) return kInputError;
    realm_ = *std::move(realm);
    return RmiAnswer{};
}

Result<RmiAnswer> CaseRunner::rtt_create(const StepFields& step) {
    RVMM_TRY(const std::uint64_t ipa, step.number("ipa"));
    RVMM_TRY(const std::int64_t level, step.level("level"));
    return on_realm([&](auto& realm) { return realm.rtt_create(Ipa{ipa}, level); });
}

Result<RmiAnswer> CaseRunner::rtt_init_ripas(const StepFields& step) {
    RVMM_TRY(const std::uint64_t base, step.number("base"));
    RVMM_TRY(const std::uint64_t top, step.number("top"));
    return on_realm([&](auto& realm) { return realm.rtt_init_ripas(Ipa{base}, Ipa{top}); });
}

Result<RmiAnswer> CaseRunner::data_create(const StepFields& step) {
    RVMM_TRY(const std::uint64_t ipa, step.number("ipa"));
    RVMM_TRY(const std::uint64_t flags, step.number("flags"));
    std::array<std::byte, measure::kMeasuredPageSize> page{};
    PageContent content = ByteSpan(page);
    if (flags == rmi::DataMeasurement::kFlagMeasured) {
        const nlohmann::json* described = step.find("content");
        if (described == nullptr)
            return fail(Stage::kConfig, "a measured page without \"content\"");
        RVMM_TRY(content, page_content(StepFields(*described), page));
    }
    const auto* digest = std::get_if<measure::Digest>(&content);
    if (digest != nullptr && digest->size() != measure::digest_size(hash()))
        return fail(Stage::kConfig, "\"digest\" is {} bytes, and the realm's hash is {}",
                    digest->size(), measure::to_string(hash()));
    return on_realm([&](auto& realm) { return realm.data_create(Ipa{ipa}, flags, content); });
}

Result<RmiAnswer> CaseRunner::data_create_unknown(const StepFields& step) {
    RVMM_TRY(const std::uint64_t ipa, step.number("ipa"));
    return on_realm([&](auto& realm) { return realm.data_create_unknown(Ipa{ipa}); });
}

Result<RmiAnswer> CaseRunner::rec_create(const StepFields& step) {
    using R = rmi::RecParams;
    R params;
    RVMM_TRY(const std::uint64_t flags, step.number("flags"));
    RVMM_TRY(const std::uint64_t mpidr, step.number("mpidr"));
    RVMM_TRY(const std::uint64_t pc, step.number("pc"));
    RVMM_TRY(const std::vector<std::uint64_t> gprs, step.numbers("gprs", 8));
    params.set(R::kFlags, flags);
    params.set(R::kMpidr, mpidr);
    params.set(R::kPc, pc);
    for (std::size_t i = 0; i < gprs.size(); ++i) params.set(R::kGprs, gprs[i], i);
    return on_realm([&](auto& realm) { return realm.rec_create(params); });
}

Result<RmiAnswer> CaseRunner::realm_activate(const StepFields& /*step*/) {
    if (std::holds_alternative<std::monostate>(realm_)) return kInputError;
    auto* realm = std::get_if<NewRealm>(&realm_);
    if (realm == nullptr) return ActivatedRealm::realm_activate();
    ActivatedRealm activated = std::move(*realm).realm_activate(rem_rule_);
    if (!activated.active().mpidrs.empty()) {
        ActiveRealm active = activated.active();
        active.signing_calls = 0;
        const TokenSource tokens = [size = platform_.token_size](const auto& /*claims*/) {
            return Bytes(size);
        };
        RVMM_TRY(rsi_, SoftwareRmm::create(std::move(active), *memory_, tokens));
    }
    realm_ = std::move(activated);
    return RmiAnswer{};
}

Result<RmiAnswer> CaseRunner::rec_enter(const StepFields& step) {
    RVMM_TRY(const std::uint64_t rec, step.number_or("rec", 0));
    return on_realm([&](auto& realm) { return realm.rec_enter(rec); });
}

Result<std::uint64_t> CaseRunner::rsi(const StepFields& step) {
    RVMM_TRY(const std::string call, step.text("call"));
    RVMM_TRY(rmi::SmcRegisters registers, parse_rsi_call(call));
    if (!rsi_) return fail(Stage::kConfig, "no realm with a REC is active, so none calls RSI");
    (void)rsi_->smc(0, registers);
    return registers.x[0];
}

}  // namespace rvmm::realm
