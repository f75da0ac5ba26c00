// A guest that reaches PCI functions the way guests do: through the host's two windows and the
// kernel's doorbells.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "devices/fake_wiring.hpp"
#include "devices/pci/host.hpp"

namespace rvmm::devices::pci {

class PciGuest {
  public:
    static constexpr std::uint64_t kMemory = 0x4000'0000;
    static constexpr std::uint64_t kMemorySize = 0x10'0000;

    explicit PciGuest(FakeWiring& wiring)
        : wiring_(wiring), host_(*Host::create(*IpaRange::make(Ipa{kMemory}, kMemorySize))) {}

    Host& host() { return *host_; }

    // Configuration space, and memory: of any width.
    void read_config(unsigned slot, std::size_t offset, MutableByteSpan data) {
        host_->ecam()->read((std::uint64_t{slot} << 15) + offset, data);
    }
    void write_config(unsigned slot, std::size_t offset, ByteSpan data) {
        host_->ecam()->write((std::uint64_t{slot} << 15) + offset, data);
    }
    void read(std::uint64_t address, MutableByteSpan data) {
        host_->memory()->read(address - kMemory, data);
    }
    void write(std::uint64_t address, ByteSpan data) {
        if (!wiring_.ring(Ipa{address}, data)) host_->memory()->write(address - kMemory, data);
    }

    template <std::unsigned_integral T>
    T config(unsigned slot, std::size_t offset) {
        std::array<std::byte, sizeof(T)> bytes{};
        read_config(slot, offset, bytes);
        return load_le<T>(bytes);
    }
    template <std::unsigned_integral T>
    void set_config(unsigned slot, std::size_t offset, T value) {
        std::array<std::byte, sizeof(T)> bytes{};
        store_le(MutableByteSpan(bytes), value);
        write_config(slot, offset, bytes);
    }
    template <std::unsigned_integral T>
    T load(std::uint64_t address) {
        std::array<std::byte, sizeof(T)> bytes{};
        read(address, bytes);
        return load_le<T>(bytes);
    }
    template <std::unsigned_integral T>
    void store(std::uint64_t address, T value) {
        std::array<std::byte, sizeof(T)> bytes{};
        store_le(MutableByteSpan(bytes), value);
        write(address, bytes);
    }

    void set_command(unsigned slot, std::uint16_t command) { set_config(slot, kCommand, command); }
    std::uint32_t bar(unsigned slot, unsigned bar) {
        return config<std::uint32_t>(slot, kBars + 4UL * bar);
    }
    void move_bar(unsigned slot, unsigned bar, std::uint32_t to) {
        set_config(slot, kBars + 4UL * bar, to);
    }
    /// As drivers find it out; 0 if there is no such BAR.
    std::uint32_t size_of_bar(unsigned slot, unsigned index) {
        const std::uint32_t before = bar(slot, index);
        move_bar(slot, index, UINT32_MAX);
        const std::uint32_t mask = bar(slot, index) & ~0xfU;
        move_bar(slot, index, before);
        return mask == 0 ? 0 : ~mask + 1;
    }
    /// Where the capabilities of this kind are, in the order of the list.
    std::vector<std::size_t> capabilities(unsigned slot, std::uint8_t id) {
        std::vector<std::size_t> found;
        std::size_t at = config<std::uint8_t>(slot, kCapabilities);
        for (int left = 48; at != 0 && left > 0; --left) {
            if (config<std::uint8_t>(slot, at) == id) found.push_back(at);
            at = config<std::uint8_t>(slot, at + 1);
        }
        return found;
    }

    /// Where a BAR must answer: the host's rule once more, from registers alone. `sizes` has the
    /// sizes of a slot's BARs.
    std::optional<Ipa> answers(
        unsigned slot, unsigned bar,
        const std::function<std::vector<std::uint32_t>(unsigned slot)>& sizes) {
        std::vector<IpaRange> before;
        for (unsigned s = 0; s <= slot; ++s) {
            const auto of_slot = sizes(s);
            for (unsigned b = 0; b < of_slot.size(); ++b) {
                const std::uint64_t base = this->bar(s, b);
                const auto range = *IpaRange::make(Ipa{base}, of_slot[b]);
                const bool fits = base >= kMemory && range.top().value <= kMemory + kMemorySize &&
                                  (config<std::uint16_t>(s, kCommand) & kCommandMemory) != 0 &&
                                  std::ranges::none_of(
                                      before, [&](auto& other) { return other.overlaps(range); });
                if (s == slot && b == bar) return fits ? std::optional(range.base()) : std::nullopt;
                if (fits) before.push_back(range);
            }
        }
        return {};
    }

  private:
    FakeWiring& wiring_;
    std::shared_ptr<Host> host_;
};

}  // namespace rvmm::devices::pci
