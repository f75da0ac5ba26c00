// A PCI function: a configuration space, and what lies behind its BARs.
#pragma once

#include <mutex>
#include <string_view>

#include "devices/pci/config_space.hpp"

namespace rvmm::devices::pci {

/// Any thread may access it at any time. It knows nothing of the host it sits in; the host tells it
/// where its BARs are.
class Function {
  public:
    virtual ~Function() = default;
    virtual std::string_view name() const = 0;

    // Accesses of the guest to the configuration space: 1 to 8 bytes, within it.
    void read_config(std::size_t offset, MutableByteSpan data);
    /// Whether BARs have moved, perhaps: the host then looks at bar_range().
    bool write_config(std::size_t offset, ByteSpan data);

    std::uint32_t bar_size(unsigned bar) const { return config_.bar_size(bar); }
    std::optional<IpaRange> bar_range(unsigned bar) const;
    void place_bar(unsigned bar, std::uint32_t address);

    // Accesses of the guest to a BAR: 1 to 8 bytes, within it.
    virtual void read_bar(unsigned bar, std::uint64_t offset, MutableByteSpan data) = 0;
    virtual void write_bar(unsigned bar, std::uint64_t offset, ByteSpan data) = 0;
    /// From here on the guest reaches a BAR there, or nowhere. One call at a time.
    virtual void bar_placed(unsigned /*bar*/, std::optional<Ipa> /*base*/) {}

  protected:
    explicit Function(const Identity& identity) : config_(identity) {}

    /// For constructors, and while one of the two below is called.
    ConfigSpace& config() { return config_; }
    /// The guest is about to read registers, or has written to them. Under the function's lock: no
    /// access to the configuration space from here.
    virtual void config_reading(std::size_t /*offset*/, std::size_t /*size*/) {}
    virtual void config_written(std::size_t /*offset*/, std::size_t /*size*/) {}

  private:
    mutable std::mutex mutex_;
    ConfigSpace config_;
};

}  // namespace rvmm::devices::pci
