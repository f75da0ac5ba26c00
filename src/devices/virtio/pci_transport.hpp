// virtio on PCI, without the legacy interface: a PCI function that has a device's registers in one
// BAR and MSI-X in another. Source: virtio 1.3, section 4.1.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include <asio/io_context.hpp>

#include "devices/pci/host.hpp"
#include "devices/virtio/pci_common_config.hpp"

namespace rvmm::devices::virtio {

class PciTransport final : public pci::Function {
  public:
    /// Puts `device` into a slot of the host, which keeps it. `loop`, `memory` and `wiring` outlive
    /// it. Errors: (Stage::kLaunch) no events to be had; those of Host::add().
    static Result<std::shared_ptr<PciTransport>> create(asio::io_context& loop,
                                                        SharedMemory& memory, Wiring& wiring,
                                                        std::shared_ptr<virtio::Device> device,
                                                        pci::Host& host, unsigned slot);

    std::string_view name() const override { return frontend_->name(); }
    void read_bar(unsigned bar, std::uint64_t offset, MutableByteSpan data) override;
    void write_bar(unsigned bar, std::uint64_t offset, ByteSpan data) override;
    void bar_placed(unsigned bar, std::optional<Ipa> base) override;

    Frontend& frontend() { return *frontend_; }

  private:
    PciTransport(Wiring& wiring, std::uint16_t type);
    void add_structures(bool has_config);
    void config_reading(std::size_t offset, std::size_t size) override;
    void config_written(std::size_t offset, std::size_t size) override;
    /// What the access window in the configuration space shows now, if it is anything.
    struct Window {
        std::uint32_t offset;
        std::uint32_t size;
    };
    std::optional<Window> window();
    void check(const Result<>& wired);

    Wiring& wiring_;
    std::unique_ptr<pci::Msix> msix_;
    std::optional<PciInterrupts> interrupts_;
    std::unique_ptr<Frontend> frontend_;
    std::optional<PciCommonConfig> common_;
    std::size_t window_ = 0;  // its capability

    // While the host says where BARs are.
    struct Bell {
        Doorbell doorbell;
        int event;
        friend bool operator==(const Bell&, const Bell&) = default;
    };
    std::vector<Bell> bells_;  // what the kernel has
    bool warned_ = false;
};

}  // namespace rvmm::devices::virtio
