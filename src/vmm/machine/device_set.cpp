#include "vmm/machine/device_set.hpp"

#include <chrono>

#include <asio/post.hpp>

#include "base/log.hpp"
#include "devices/pl031.hpp"
#include "devices/virtio/mmio_transport.hpp"
#include "devices/virtio/pci_transport.hpp"

namespace rvmm::vmm {
namespace {

using Kind = realm::DeviceBoard::Kind;
using devices::Pvpanic;

static_assert(realm::kPvpanicSize == Pvpanic::kSize);

constexpr auto kClosePatience = std::chrono::seconds(5);

}  // namespace

DeviceSet::DeviceSet(Surroundings surroundings)
    : to_(std::move(surroundings)),
      wiring_(to_.vm, {.shared_bit = to_.guest.shared_bit(), .alias = to_.guest.alias()}),
      consoles_(
          to_.loop, to_.console, to_.tokens,
          {.ready = to_.ready,
           .exit =
               [this](int status) { to_.ended({RunOutcome::Kind::kGuestStatus, status, {}}); }}),
      maker_(to_.loop, consoles_) {}

Result<std::unique_ptr<DeviceSet>> DeviceSet::create(const realm::LaunchPlan& plan,
                                                     Surroundings surroundings) {
    std::unique_ptr<DeviceSet> set(new DeviceSet(std::move(surroundings)));
    RVMM_CHECK(set->create_devices(plan));
    return set;
}

Result<> DeviceSet::create_devices(const realm::LaunchPlan& plan) {
    const realm::Board& board = plan.board();
    for (const realm::DeviceBoard& device : board.devices) RVMM_CHECK(create_device(plan, device));
    if (board.pci) {
        RVMM_TRY(pci_, devices::pci::Host::create(board.pci->window));
        RVMM_CHECK(bus_.add(board.pci->ecam, pci_->ecam()));
        RVMM_CHECK(bus_.add(board.pci->window, pci_->memory()));
    }
    for (const realm::VirtioBoard& virtio : board.virtio)
        RVMM_CHECK(create_virtio(plan.spec().devices[virtio.spec], virtio));
    return {};
}

devices::InterruptLine DeviceSet::line(std::uint32_t spi) {
    return [this, spi](bool level) {
        if (auto set = to_.vm.set_spi(spi, level); !set) to_.failed(std::move(set).error());
    };
}

Result<> DeviceSet::create_device(const realm::LaunchPlan& plan, const realm::DeviceBoard& device) {
    switch (device.kind) {
        case Kind::kUart16550:
            return bus_.add(device.registers,
                            consoles_.make_serial(plan.spec().serial, line(*device.spi)));
        case Kind::kPl031:
            return bus_.add(device.registers, devices::Pl031::create(to_.loop, line(*device.spi)));
        case Kind::kPl061PowerKey: {
            auto gpio = std::make_shared<devices::Pl061>(line(*device.spi));
            power_key_ = std::make_unique<devices::PowerKey>(to_.loop, gpio);
            return bus_.add(device.registers, std::move(gpio));
        }
        case Kind::kPvpanic:
            return bus_.add(device.registers,
                            std::make_shared<Pvpanic>(
                                [this](const Pvpanic::Message& message) { guest_said(message); }));
    }
    return fail(Stage::kInternal, "the board has a device of an unknown kind: {}", device.name);
}

/// On a vCPU's thread.
void DeviceSet::guest_said(const Pvpanic::Message& message) {
    using Said = Pvpanic::Message::Kind;
    switch (message.kind) {
        case Said::kPanicked:
            return to_.ended(
                {RunOutcome::Kind::kPanic, 0, "the guest says by pvpanic that it panicked"});
        case Said::kCrashLoaded:
            asio::post(to_.loop, [] {
                warn("the guest says by pvpanic that it panicked; it goes on with a crash kernel");
            });
            return;
        case Said::kShutdown:
            return to_.ended({RunOutcome::Kind::kShutdown, 0, {}});
        case Said::kStatus:
            return to_.ended({RunOutcome::Kind::kGuestStatus, message.status, {}});
    }
}

Result<> DeviceSet::create_virtio(const realm::DeviceSpec& spec, const realm::VirtioBoard& board) {
    RVMM_TRY(const auto device, maker_.make(spec));
    auto joined = join(device, board);
    if (!joined) return std::unexpected(std::move(joined).error().with_context(spec.name));
    return {};
}

/// Puts the device behind its transport.
Result<> DeviceSet::join(const std::shared_ptr<devices::virtio::Device>& device,
                         const realm::VirtioBoard& board) {
    devices::SharedMemory& memory = to_.guest.shared_memory();
    if (const auto* place = std::get_if<realm::MmioPlace>(&board.place)) {
        using devices::virtio::MmioTransport;
        RVMM_TRY(auto transport,
                 MmioTransport::create(to_.loop, memory, wiring_, device,
                                       {.registers = place->registers, .spi = place->spi}));
        virtio_.push_back({device, transport, &transport->frontend()});
        return bus_.add(place->registers, std::move(transport));
    }
    using devices::virtio::PciTransport;
    RVMM_TRY(auto transport, PciTransport::create(to_.loop, memory, wiring_, device, *pci_,
                                                  std::get<realm::PciPlace>(board.place).slot));
    virtio_.push_back({device, nullptr, &transport->frontend()});
    return {};
}

bool DeviceSet::press_power_key() {
    if (power_key_) power_key_->press();
    return power_key_ != nullptr;
}

void DeviceSet::begin_close() {
    open_ = virtio_.size();
    for (const Virtio& virtio : virtio_) virtio.frontend->close([this] { --open_; });
}

void DeviceSet::finish_close() {
    const auto deadline = std::chrono::steady_clock::now() + kClosePatience;
    while (open_ > 0 && std::chrono::steady_clock::now() < deadline) {
        to_.loop.restart();
        to_.loop.run_one_until(deadline);
    }
    consoles_.finish();
}

std::vector<DeviceReport> DeviceSet::reports() const {
    std::vector<DeviceReport> reports;
    for (const Virtio& virtio : virtio_) {
        const auto counted = virtio.frontend->counters();
        DeviceReport report;
        report.name = virtio.frontend->name();
        report.last_error = counted.last_error;
        report.counters = {{"notifications", counted.notifications},
                           {"interrupts", counted.interrupts},
                           {"resets", counted.resets},
                           {"errors", counted.errors}};
        for (const auto& [name, value] : virtio.device->counters())
            report.counters.emplace_back(name, value);
        reports.push_back(std::move(report));
    }
    return reports;
}

}  // namespace rvmm::vmm
