#include "vmm/machine/virtio_driver.hpp"

#include <gtest/gtest.h>

namespace rvmm::vmm {
namespace {

constexpr std::uint8_t kFeaturesOkBit = 8;

class MmioDriver final : public VirtioDriver {
  public:
    MmioDriver(LiveGuest& guest, const realm::MmioPlace& place, std::uint16_t type)
        : VirtioDriver(guest), base_(place.registers.base().value), spi_(place.spi) {
        EXPECT_EQ(get(0x000), 0x7472'6976U);
        EXPECT_EQ(get(0x004), 2U);
        EXPECT_EQ(get(0x008), type);
    }
    std::uint8_t status() override { return static_cast<std::uint8_t>(get(0x070)); }
    std::uint64_t config(std::uint64_t offset, std::uint32_t size) override {
        return guest_.load(base_ + 0x100 + offset, size);
    }
    void notify(unsigned queue) override { set(0x050, queue); }
    bool interrupted(unsigned) override {
        if (!guest_.interrupted(spi_)) return false;
        const std::uint32_t cause = get(0x060);
        set(0x064, cause);
        return (cause & 1) != 0;
    }
    void set_status(std::uint8_t status) override { set(0x070, status); }
    void begin_reset() override { guest_.begin_store(base_ + 0x070, 0, 4); }

  protected:
    std::uint32_t features(std::uint32_t word) override {
        set(0x014, word);
        return get(0x010);
    }
    void set_features(std::uint32_t word, std::uint32_t value) override {
        set(0x024, word);
        set(0x020, value);
    }
    std::uint16_t select(unsigned index) override {
        set(0x030, index);
        return static_cast<std::uint16_t>(get(0x034));
    }
    void set_queue(unsigned, const GuestQueue& queue) override {
        set(0x038, queue.size());
        std::uint64_t field = 0x080;
        for (const std::uint64_t area : {queue.descriptors(), queue.driver(), queue.device()}) {
            const std::uint64_t seen = guest_.device_address(area);
            set(field, static_cast<std::uint32_t>(seen));
            set(field + 4, static_cast<std::uint32_t>(seen >> 32));
            field += 0x10;
        }
        set(0x044, 1);
    }

  private:
    std::uint32_t get(std::uint64_t offset) {
        return static_cast<std::uint32_t>(guest_.load(base_ + offset, 4));
    }
    void set(std::uint64_t offset, std::uint32_t value) { guest_.store(base_ + offset, value, 4); }

    std::uint64_t base_;
    std::uint32_t spi_;
};

/// Finds its structures by the capabilities. Vector i + 1 is queue i's.
class PciDriver final : public VirtioDriver {
  public:
    PciDriver(LiveGuest& guest, const realm::Board& board, const realm::PciPlace& place,
              std::uint16_t type)
        : VirtioDriver(guest),
          config_(board.pci->ecam.base().value + (std::uint64_t{place.slot} << 15)),
          translater_(board.gic.its.base().value + 0x1'0040) {
        EXPECT_EQ(guest_.load(config_, 2), 0x1af4U);
        EXPECT_EQ(guest_.load(config_ + 2, 2), 0x1040U + type);
        EXPECT_TRUE(IpaRange::make(Ipa{bar(0)}, 0x4000).has_value());
        EXPECT_TRUE(board.pci->window.contains(*IpaRange::make(Ipa{bar(0)}, 0x4000)));
        guest_.store(config_ + 4, 6, 2);  // memory, bus master
        find_structures();
        enable_msix();
    }
    std::uint8_t status() override {
        return static_cast<std::uint8_t>(guest_.load(common_ + 0x14, 1));
    }
    std::uint64_t config(std::uint64_t offset, std::uint32_t size) override {
        return guest_.load(device_ + offset, size);
    }
    void notify(unsigned queue) override {
        guest_.store(notify_ + std::uint64_t{queue} * notify_step_, queue, 2);
    }
    bool interrupted(unsigned queue) override {
        return guest_.interrupted(message_number(queue + 1));
    }
    void set_status(std::uint8_t status) override { guest_.store(common_ + 0x14, status, 1); }
    void begin_reset() override { guest_.begin_store(common_ + 0x14, 0, 1); }

  protected:
    std::uint32_t features(std::uint32_t word) override {
        guest_.store(common_, word, 4);
        return static_cast<std::uint32_t>(guest_.load(common_ + 4, 4));
    }
    void set_features(std::uint32_t word, std::uint32_t value) override {
        guest_.store(common_ + 8, word, 4);
        guest_.store(common_ + 0xc, value, 4);
    }
    std::uint16_t select(unsigned index) override {
        guest_.store(common_ + 0x16, index, 2);
        return static_cast<std::uint16_t>(guest_.load(common_ + 0x18, 2));
    }
    void set_queue(unsigned index, const GuestQueue& queue) override {
        guest_.store(common_ + 0x18, queue.size(), 2);
        guest_.store(common_ + 0x1a, index + 1, 2);
        EXPECT_EQ(guest_.load(common_ + 0x1a, 2), index + 1);
        std::uint64_t field = common_ + 0x20;
        for (const std::uint64_t area : {queue.descriptors(), queue.driver(), queue.device()}) {
            const std::uint64_t seen = guest_.device_address(area);
            guest_.store(field, seen & UINT32_MAX, 4);
            guest_.store(field + 4, seen >> 32, 4);
            field += 8;
        }
        guest_.store(common_ + 0x1c, 1, 2);
    }

  private:
    std::uint64_t bar(unsigned index) { return guest_.load(config_ + 0x10 + 4UL * index, 4); }

    void find_structures() {
        for (std::uint64_t at = guest_.load(config_ + 0x34, 1); at != 0;
             at = guest_.load(config_ + at + 1, 1)) {
            const std::uint64_t kind = guest_.load(config_ + at, 1);
            if (kind == 0x11) msix_ = at;
            if (kind != 0x09) continue;
            const std::uint64_t type = guest_.load(config_ + at + 3, 1);
            const auto index = static_cast<unsigned>(guest_.load(config_ + at + 4, 1));
            const std::uint64_t address =
                index < 6 ? bar(index) + guest_.load(config_ + at + 8, 4) : 0;
            if (type == 1) common_ = address;
            if (type == 4) device_ = address;
            if (type == 2) {
                notify_ = address;
                notify_step_ = guest_.load(config_ + at + 16, 4);
            }
        }
        EXPECT_NE(common_, 0U);
        EXPECT_NE(notify_, 0U);
        EXPECT_NE(msix_, 0U);
    }

    void enable_msix() {
        const std::uint64_t control = config_ + msix_ + 2;
        const std::uint64_t vectors = (guest_.load(control, 2) & 0x7ff) + 1;
        const std::uint64_t where = guest_.load(config_ + msix_ + 4, 4);
        const std::uint64_t table = bar(where & 7) + (where & ~7ULL);
        guest_.store(control, 0x8000, 2);
        for (std::uint64_t i = 0; i < vectors; ++i) {
            const std::uint64_t entry = table + 16 * i;
            guest_.store(entry, translater_ & UINT32_MAX, 4);
            guest_.store(entry + 4, guest_.device_address(translater_) >> 32, 4);
            guest_.store(entry + 8, kFirstEvent + i, 4);
            guest_.store(entry + 12, 0, 4);
        }
    }

    /// KVM's number of the message that vector `vector` sends: the route with its data, and with
    /// the address and device ID that an ITS needs.
    std::uint32_t message_number(unsigned vector) {
        std::uint32_t number = 0;
        guest_.look_at([&](FakeKvm::Vcpu& vcpu) {
            const std::lock_guard lock(vcpu.vm->host.mutex);
            const std::uint64_t seen = guest_.on() == GuestOn::kEmulatedRealm
                                           ? translater_ | LiveGuest::kSharedBit
                                           : translater_;
            const auto device = static_cast<std::uint32_t>((config_ >> 12) & 0xffff);
            for (const auto& route : vcpu.vm->wiring.routes())
                if (route.type == KVM_IRQ_ROUTING_MSI && route.u.msi.devid == device &&
                    route.u.msi.data == kFirstEvent + vector &&
                    route.u.msi.address_lo == static_cast<std::uint32_t>(seen) &&
                    route.u.msi.address_hi == static_cast<std::uint32_t>(seen >> 32))
                    number = route.gsi;
        });
        EXPECT_NE(number, 0U) << "no route for vector " << vector;
        return number;
    }

    static constexpr std::uint32_t kFirstEvent = 40;
    std::uint64_t config_;
    std::uint64_t translater_;
    std::uint64_t msix_ = 0;
    std::uint64_t common_ = 0;
    std::uint64_t device_ = 0;
    std::uint64_t notify_ = 0;
    std::uint64_t notify_step_ = 0;
};

}  // namespace

std::unique_ptr<VirtioDriver> VirtioDriver::find(LiveGuest& guest, const realm::Board& board,
                                                 const realm::VirtioBoard& entry,
                                                 std::uint16_t type) {
    if (const auto* mmio = std::get_if<realm::MmioPlace>(&entry.place))
        return std::make_unique<MmioDriver>(guest, *mmio, type);
    return std::make_unique<PciDriver>(guest, board, std::get<realm::PciPlace>(entry.place), type);
}

void VirtioDriver::start(std::uint64_t rings, unsigned queues, std::uint64_t refused) {
    set_status(0);
    EXPECT_EQ(status(), 0);
    set_status(1);
    set_status(3);
    // No EVENT_IDX: every chain that is used interrupts.
    const std::uint64_t never = refused | (1ULL << 29);
    for (const std::uint32_t word : {0U, 1U})
        set_features(word, features(word) & ~static_cast<std::uint32_t>(never >> (32 * word)));
    set_status(3 | kFeaturesOkBit);
    EXPECT_EQ(status(), 3 | kFeaturesOkBit);
    queues_.clear();
    for (unsigned i = 0; i < queues; ++i) {
        const std::uint16_t size = std::min(GuestQueue::kMaxSize, select(i));
        EXPECT_GT(size, 0) << "there is no queue " << i;
        queues_.emplace_back(guest_, rings + i * kPageSize4K, size);
        set_queue(i, queues_.back());
    }
    set_status(3 | kFeaturesOkBit | 4);
}

}  // namespace rvmm::vmm
