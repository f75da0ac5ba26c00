// The board's devices as the machine has them: made in the board's order, found by address, joined
// to the console and to KVM.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include <asio/io_context.hpp>

#include "devices/device.hpp"
#include "devices/pci/host.hpp"
#include "devices/power_key.hpp"
#include "devices/pvpanic.hpp"
#include "devices/virtio/frontend.hpp"
#include "realm/plan/launch_plan.hpp"
#include "vmm/console/console.hpp"
#include "vmm/hosts/guest_kind.hpp"
#include "vmm/kvm/vm.hpp"
#include "vmm/machine/consoles.hpp"
#include "vmm/machine/device_maker.hpp"
#include "vmm/machine/kvm_wiring.hpp"
#include "vmm/machine/outcome.hpp"

namespace rvmm::vmm {

/// From the loop's thread, but for the bus.
class DeviceSet {
  public:
    /// What devices are joined to; all of it outlives them.
    struct Surroundings {
        kvm::Vm& vm;  // with its GIC
        GuestKind& guest;
        asio::io_context& loop;
        ConsoleOutput& console;
        std::function<void(Error)> failed;      // any thread: the machine cannot go on
        std::function<void(RunOutcome)> ended;  // any thread: the guest says that it has ended
        std::function<void()> ready;            // the loop: the guest says that it is ready
        TokenExchange* tokens = nullptr;        // as in HostCalls
    };
    /// Errors: what a device needs of the host is not to be had, one clause with the remedy.
    static Result<std::unique_ptr<DeviceSet>> create(const realm::LaunchPlan& plan,
                                                     Surroundings surroundings);

    const devices::Bus& bus() const { return bus_; }
    Consoles& consoles() { return consoles_; }
    /// Asks the guest to power itself off; false if it has no power key.
    bool press_power_key();

    /// Stops the devices; vCPUs that wait for one go on.
    void begin_close();
    /// Runs the loop until they have stopped, 5 s at most. No vCPU runs any more.
    void finish_close();

    /// What was counted, device by device.
    std::vector<DeviceReport> reports() const;

  private:
    struct Virtio {
        std::shared_ptr<devices::virtio::Device> device;
        std::shared_ptr<devices::Device> transport;  // virtio-pci: kept by its slot too
        devices::virtio::Frontend* frontend;
    };

    explicit DeviceSet(Surroundings surroundings);
    Result<> create_devices(const realm::LaunchPlan& plan);
    Result<> create_device(const realm::LaunchPlan& plan, const realm::DeviceBoard& device);
    Result<> create_virtio(const realm::DeviceSpec& spec, const realm::VirtioBoard& board);
    Result<> join(const std::shared_ptr<devices::virtio::Device>& device,
                  const realm::VirtioBoard& board);
    devices::InterruptLine line(std::uint32_t spi);
    void guest_said(const devices::Pvpanic::Message& message);

    Surroundings to_;
    KvmWiring wiring_;
    Consoles consoles_;
    DeviceMaker maker_;
    devices::Bus bus_;
    std::shared_ptr<devices::pci::Host> pci_;
    std::unique_ptr<devices::PowerKey> power_key_;
    std::vector<Virtio> virtio_;
    std::size_t open_ = 0;  // virtio devices that have not stopped
};

}  // namespace rvmm::vmm
