// A virtio device's registers, over whichever transport it has. No virtual functions: their tables
// would hold addresses, and a guest has none.
#pragma once

#include "mmio_registers.hpp"
#include "pci_registers.hpp"

namespace guest::hostile {

class Transport {
    template <class Action>
    auto visit(Action action) const {
        return is_pci_ ? action(pci_) : action(mmio_);
    }

  public:
    Transport() = default;
    /// `place` is for people: the number of the frame or of the slot.
    Transport(const MmioRegisters& registers, std::uint16_t type, unsigned place)
        : mmio_(registers), type_(type), place_(place) {}
    Transport(const PciRegisters& registers, std::uint16_t type, unsigned place)
        : pci_(registers), type_(type), place_(place), is_pci_(true) {}

    std::uint16_t type() const { return type_; }
    unsigned place() const { return place_; }
    bool is_pci() const { return is_pci_; }
    const PciRegisters& pci() const { return pci_; }

    std::uint64_t offered() const {
        return visit(
            [](const auto& r) { return r.offered(0) | std::uint64_t{r.offered(1)} << 32; });
    }
    std::uint32_t offered_word(std::uint32_t word) const {
        return visit([=](const auto& r) { return r.offered(word); });
    }
    void accept(std::uint64_t features) const {
        accept_word(0, static_cast<std::uint32_t>(features));
        accept_word(1, static_cast<std::uint32_t>(features >> 32));
    }
    void accept_word(std::uint32_t word, std::uint32_t bits) const {
        visit([=](const auto& r) { r.accept(word, bits); });
    }
    std::uint8_t status() const {
        return visit([](const auto& r) { return r.status(); });
    }
    void set_status(std::uint8_t status) const {
        visit([=](const auto& r) { r.set_status(status); });
    }
    void select_queue(std::uint32_t queue) const {
        visit([=](const auto& r) { r.select_queue(queue); });
    }
    // Of the selected queue.
    std::uint32_t max_queue_size() const {
        return visit([](const auto& r) { return r.max_queue_size(); });
    }
    void set_queue_size(std::uint32_t size) const {
        visit([=](const auto& r) { r.set_queue_size(size); });
    }
    void set_queue_area(Area area, std::uint64_t address) const {
        visit([=](const auto& r) { r.set_queue_area(area, address); });
    }
    void set_queue_ready(std::uint32_t ready) const {
        visit([=](const auto& r) { r.set_queue_ready(ready); });
    }
    bool queue_ready() const {
        return visit([](const auto& r) { return r.queue_ready(); });
    }
    void notify(std::uint32_t queue) const {
        visit([=](const auto& r) { r.notify(queue); });
    }

    /// The device's configuration space; 0 if there is none.
    std::uint64_t config() const {
        return visit([](const auto& r) { return r.config(); });
    }
    std::uint64_t base() const {
        return visit([](const auto& r) { return r.base(); });
    }
    std::uint64_t register_span() const {
        return visit([](const auto& r) { return r.register_span(); });
    }
    bool is_register(std::uint64_t offset, unsigned size) const {
        return visit([=](const auto& r) { return r.is_register(offset, size); });
    }

  private:
    MmioRegisters mmio_;
    PciRegisters pci_;
    std::uint16_t type_ = 0;
    unsigned place_ = 0;
    bool is_pci_ = false;
};

}  // namespace guest::hostile
