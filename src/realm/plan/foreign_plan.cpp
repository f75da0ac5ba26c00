#include "realm/plan/foreign_plan.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "realm/spec/config_check.hpp"

namespace rvmm::realm {
namespace {

using measure::Hash;

constexpr std::uint64_t kKvmtoolRounding = 64U << 10;

/// Checks `number` as if a config said it, and stores it. `option` names it in errors.
Result<> store(std::string_view table, std::string_view key, std::string_view option,
               std::uint64_t number, ConfigDraft& draft) {
    const ConfigValue value{static_cast<std::int64_t>(std::min<std::uint64_t>(number, INT64_MAX)),
                            {}};
    return store_setting({find_key(table, key), {}, value, {std::string(option), {}, false}},
                         draft);
}

Result<ConfigDraft> check_numbers(const ForeignRealm& realm) {
    ConfigDraft draft;
    RVMM_CHECK(store("machine", "memory", "--memory", realm.image.memory, draft));
    RVMM_CHECK(store("realm", "breakpoints", "--breakpoints", realm.breakpoints, draft));
    RVMM_CHECK(store("realm", "watchpoints", "--watchpoints", realm.watchpoints, draft));
    RVMM_CHECK(store("realm", "sve_vl", "--sve-vl", realm.sve_vl, draft));
    RVMM_CHECK(store("realm", "pmu_counters", "--pmu-counters", realm.pmu_counters, draft));
    if (realm.ipa_bits)
        RVMM_CHECK(store("realm", "ipa_bits", "--ipa-bits", *realm.ipa_bits, draft));
    return draft;
}

/// QEMU asks for SHA-512 by itself; a host that takes no wishes gives SHA-256.
Hash default_hash(ForeignVmm vmm, const Profile& profile) {
    const bool can = std::ranges::find(profile.hashes, Hash::kSha512) != profile.hashes.end();
    return vmm == ForeignVmm::kQemu && can ? Hash::kSha512 : Hash::kSha256;
}

Result<> settle_ipa_bits(const ForeignRealm& realm, const ForeignLayout& made,
                         RealmParameters& parameters) {
    if (!realm.ipa_bits) parameters.ipa_bits = made.ipa_bits;
    if (parameters.ipa_bits == 0)
        return fail(Stage::kConfig,
                    "how many IPA bits {} asks for with {} of memory is not known here: "
                    "--ipa-bits has to say it",
                    to_string(realm.image.vmm), format_size(realm.image.memory));
    const IpaRange protected_half =
        *IpaRange::make(Ipa{0}, std::uint64_t{1} << (parameters.ipa_bits - 1));
    if (!protected_half.contains(made.board.ram))
        return fail(Stage::kConfig, "RAM ({} at {:#x}) does not fit the protected half of {} bits",
                    format_size(made.board.ram.size()), made.board.ram.base().value,
                    parameters.ipa_bits);
    return {};
}

Result<> check_firmware(const ForeignRealm& realm, const Profile& profile) {
    if (!realm.image.firmware || profile.rule != measure::Rule::kRmm1 ||
        profile.ripas != RipasEntries::kGaps)
        return {};
    return fail(Stage::kConfig,
                "profile \"{}\" measures the rest of the memory slot that the firmware lies in, "
                "and QEMU's is not known here",
                profile.name);
}

}  // namespace

std::uint64_t default_rounding(ForeignVmm vmm, const Profile& profile) {
    const bool own_order = profile.order == StepOrder::kRipasPopulateRecs;
    return vmm == ForeignVmm::kKvmtool && own_order ? kKvmtoolRounding : kPageSize4K;
}

Result<LaunchPlan> plan_foreign(const ForeignRealm& realm, const PlanOptions& options) {
    const ProfileTable& profiles =
        options.profiles != nullptr ? *options.profiles : ProfileTable::built_in();
    RVMM_TRY(const Profile* profile, profiles.find(realm.profile));
    RVMM_TRY(ConfigDraft draft, check_numbers(realm));
    RealmParameters& parameters = draft.realm;
    parameters.profile = profile->name;
    parameters.hash = realm.hash.value_or(default_hash(realm.image.vmm, *profile));
    RVMM_CHECK(profiles.check(*profile, parameters));
    RVMM_CHECK(check_firmware(realm, *profile));

    ForeignOptions layout{.reading = options.reading, .granule = profile->page_size};
    layout.rounding = realm.rounding.value_or(default_rounding(realm.image.vmm, *profile));
    layout.log_after_recs = layout.rounding != kKvmtoolRounding;
    RVMM_TRY(ForeignLayout made, make_foreign_layout(realm.image, layout));
    RVMM_CHECK(settle_ipa_bits(realm, made, parameters));

    RealmSpec spec;
    spec.source = realm.image.dtb;
    spec.machine = {.vcpus = static_cast<std::uint32_t>(made.board.cpus.size()),
                    .memory = realm.image.memory};
    spec.boot = {.kernel = realm.image.kernel ? *realm.image.kernel : *realm.image.firmware,
                 .initrd = realm.image.initrd,
                 .cmdline = std::move(made.cmdline)};
    spec.realm = std::move(parameters);
    return LaunchPlan::of_layout(std::move(spec), *profile, std::move(made.board),
                                 std::move(made.layout));
}

}  // namespace rvmm::realm
