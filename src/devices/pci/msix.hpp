// MSI-X of a PCI function: its capability, and the table and the pending bits in a BAR of their
// own. Source: PCI Local Bus 3.0, section 6.8.2 (structures) and 6.8.3 (operation).
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "devices/pci/config_space.hpp"
#include "devices/pci/msix_vector.hpp"

namespace rvmm::devices::pci {

/// Any thread may call it.
class Msix {
  public:
    static constexpr std::uint32_t kBarSize = 4096;
    static constexpr unsigned kMaxVectors = 128;

    /// `requester` is the function's: slot << 3. `wiring` outlives it. Errors (Stage::kLaunch): no
    /// events to be had.
    static Result<std::unique_ptr<Msix>> create(Wiring& wiring, std::string_view name,
                                                std::uint32_t requester, unsigned vectors);

    /// Once, while the function is made: the BAR, and the capability that names it.
    void add_to(ConfigSpace& config, unsigned bar);
    /// The guest wrote to the configuration space.
    void config_written(const ConfigSpace& config, std::size_t offset, std::size_t size);

    // The BAR: aligned accesses of 4 and 8 bytes; others read as zero and write nothing.
    void read(std::uint64_t offset, MutableByteSpan data) const;
    void write(std::uint64_t offset, ByteSpan data);

    unsigned vectors() const { return static_cast<unsigned>(entries_.size()); }
    bool enabled() const { return enabled_; }
    /// Never waits, and is never lost: a vector that may not send is pending. `vector` < vectors().
    void raise(unsigned vector) { entries_[vector].vector->raise(); }

  private:
    struct Entry {
        std::unique_ptr<MsixVector> vector;
        std::array<std::uint32_t, 4> words;  // address, its upper half, data, control
    };

    Msix(std::string_view name, std::uint32_t requester) : name_(name), requester_(requester) {}
    std::uint32_t read_word(std::uint64_t offset) const;
    void write_word(std::uint64_t offset, std::uint32_t value);
    void refresh(Entry& entry);

    const std::string name_;
    const std::uint32_t requester_;
    std::size_t capability_ = 0;
    std::atomic<bool> enabled_{false};

    mutable std::mutex mutex_;
    std::vector<Entry> entries_;
    bool sends_ = false;  // enabled, not masked as a whole, and a bus master
    bool warned_ = false;
};

}  // namespace rvmm::devices::pci
