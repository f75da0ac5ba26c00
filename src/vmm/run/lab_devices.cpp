#include "vmm/run/lab_devices.hpp"

#include "devices/block/block_file.hpp"

namespace rvmm::vmm {
namespace {

std::unexpected<Error> not_in_a_lab(std::string_view what, std::string advice) {
    return std::unexpected(Error(Stage::kHostCannot, fmt::format("a lab has no way to {}", what))
                               .with_advice(std::move(advice)));
}

Result<> check_for_lab(const realm::DeviceSpec& device) {
    if (std::holds_alternative<realm::VsockSpec>(device.what))
        return not_in_a_lab("a Unix socket of this machine",
                            "run it where there is an arm64 KVM, or without [[vsock]]");
    const auto* net = std::get_if<realm::NetSpec>(&device.what);
    if (net == nullptr) return {};
    if (net->backend == realm::NetSpec::Backend::kTap)
        return not_in_a_lab("a tap interface of this machine", "use backend = \"passt\"");
    if (net->socket)
        return not_in_a_lab("a passt of this machine", "leave socket out: the lab has its own");
    return {};
}

/// Of devices that a lab can have.
class Mover {
  public:
    explicit Mover(LabDevices& lab) : lab_(lab) {}

    Result<> operator()(realm::DiskSpec& disk) {
        using devices::BlockFile;
        // QEMU opens it, and has a lock of its own kind: here only what is wrong is said in time.
        RVMM_TRY(auto file,
                 BlockFile::open(disk.path, disk.readonly ? BlockFile::Mode::kReadOnly
                                                          : BlockFile::Mode::kReadWrite));
        opened_.push_back(std::move(file));
        const std::string inside = fmt::format("{}{}", lab::kLabDisks, lab_.disks.size());
        lab_.disks.push_back({disk.path, disk.readonly});
        disk.path = inside;
        return {};
    }
    Result<> operator()(const realm::NetSpec&) const {
        lab_.network = true;
        return {};
    }
    Result<> operator()(const realm::VsockSpec&) const { return {}; }
    Result<> operator()(const realm::RngSpec&) const { return {}; }
    Result<> operator()(realm::ConsoleSpec& console) const {
        for (realm::ConsolePort& port : console.ports) {
            if (!port.path) continue;
            RVMM_TRY(auto file, ConsoleFile::create(*port.path));
            const std::string inside = "/job/port-" + port.name;
            lab_.files.push_back({inside, std::move(file)});
            port.path = inside;
        }
        return {};
    }

  private:
    LabDevices& lab_;
    std::vector<devices::BlockFile> opened_;  // locked, so that no image is there twice
};

}  // namespace

Result<> check_devices_for_lab(const realm::RealmSpec& spec) {
    for (const realm::DeviceSpec& device : spec.devices)
        if (auto checked = check_for_lab(device); !checked)
            return std::unexpected(std::move(checked).error().with_context(device.name));
    return {};
}

Result<LabDevices> devices_in_lab(realm::RealmSpec spec) {
    RVMM_CHECK(check_devices_for_lab(spec));
    LabDevices lab{.spec = std::move(spec)};
    Mover mover(lab);
    for (realm::DeviceSpec& device : lab.spec.devices)
        if (auto moved = std::visit(mover, device.what); !moved)
            return std::unexpected(std::move(moved).error().with_context(device.name));
    return lab;
}

}  // namespace rvmm::vmm
