#include "vmm/suite/lab_images.hpp"

#include <algorithm>
#include <memory>

#include "realm/plan/expected_rim.hpp"
#include "realm/plan/fold.hpp"
#include "realm/spec/write_config.hpp"
#include "vmm/run/lab_devices.hpp"

namespace rvmm::vmm::suite {
namespace {

std::unexpected<Error> only_one_has(const realm::DeviceSpec& device, std::string_view what) {
    return std::unexpected(
        Error(Stage::kHostCannot,
              fmt::format("{}: the guests of a suite share a lab, which has no {}", device.name,
                          what))
            .with_advice("put the data into the initrd, or run it on an arm64 machine"));
}

/// A disk or a file of this machine's belongs to one guest at a time.
Result<> check_shared_lab(const realm::RealmSpec& spec) {
    RVMM_CHECK(check_devices_for_lab(spec));
    for (const realm::DeviceSpec& device : spec.devices) {
        if (std::holds_alternative<realm::DiskSpec>(device.what))
            return only_one_has(device, "disks of this machine");
        const auto* console = std::get_if<realm::ConsoleSpec>(&device.what);
        if (console != nullptr && std::ranges::any_of(console->ports, [](const auto& port) {
                return port.path.has_value();
            }))
            return only_one_has(device, "files of this machine");
    }
    return {};
}

bool has_network(const realm::RealmSpec& spec) {
    return std::ranges::any_of(spec.devices, [](const realm::DeviceSpec& device) {
        return std::holds_alternative<realm::NetSpec>(device.what);
    });
}

Result<std::string> measured(const realm::LaunchPlan& plan, const std::string& expected) {
    if (!plan.is_realm() && !expected.empty())
        return fail(Stage::kUsage, "an ordinary VM has no measurement to expect");
    if (!plan.is_realm()) return std::string();
    RVMM_TRY(const auto wanted, realm::expected_rim(*plan.spec().realm, expected));
    RVMM_TRY(const auto rim, realm::fold_rim(plan));
    RVMM_CHECK(realm::check_rim(rim, wanted));
    return to_hex(rim);
}

}  // namespace

Result<ImageInLab> LabImages::add(const TestCase& one) {
    std::string key = one.spec->image.native() + '\0' + one.spec->expect_rim;
    for (const std::string& setting : one.settings) key += '\0' + setting;
    const auto found = images_.find(key);
    if (found != images_.end()) return found->second;
    return images_.emplace(std::move(key), pack(one)).first->second;
}

Result<ImageInLab> LabImages::pack(const TestCase& one) {
    RVMM_TRY(auto spec, realm::load_config(one.spec->image, {.overrides = one.settings}));
    RVMM_CHECK(check_shared_lab(spec));
    RVMM_TRY(const auto plan, realm::LaunchPlan::create(std::move(spec), {.profiles = &profiles_}));
    RVMM_TRY(std::string rim, measured(plan, one.spec->expect_rim));
    const std::string folder = fmt::format("/job/image-{}", images_.size());
    RVMM_CHECK(add_config(plan, folder));
    network_ = network_ || has_network(plan.spec());
    return ImageInLab{folder + "/image.cfg", std::move(rim), plan.spec().machine.memory};
}

Result<> LabImages::add_config(const realm::LaunchPlan& plan, const std::string& folder) {
    std::string kernel;
    std::optional<std::string> initrd;
    for (const realm::Blob& blob : plan.layout().blobs) {
        if (blob.kind == realm::Blob::Kind::kFdt) continue;
        RVMM_TRY(std::string path, add_blob(blob.contents.source()));
        if (blob.kind == realm::Blob::Kind::kKernel)
            kernel = std::move(path);
        else
            initrd = std::move(path);
    }
    const realm::AttestationSpec& attestation = plan.spec().attestation;
    if (!attestation.platform_key.empty())
        add_file(fmt::format("{}/{}", folder, realm::kPlatformKeyFile), attestation.platform_key);
    if (!attestation.realm_key.empty())
        add_file(fmt::format("{}/{}", folder, realm::kRealmKeyFile), attestation.realm_key);
    add_file(folder + "/image.cfg", as_bytes(realm::write_config(plan.spec(), kernel, initrd)));
    return {};
}

Result<std::string> LabImages::add_blob(ByteSpan bytes) {
    RVMM_TRY(const auto digest, measure::digest(measure::Hash::kSha256, {bytes}));
    const auto [found, added] =
        blobs_.emplace(to_hex(digest), fmt::format("/job/blob-{}", blobs_.size()));
    if (added) add_file(found->second, bytes);
    return found->second;
}

void LabImages::add_file(std::string path, ByteSpan bytes) {
    files_.push_back({std::move(path), std::make_shared<const Bytes>(bytes.begin(), bytes.end())});
}

}  // namespace rvmm::vmm::suite
