// A PCI host with one bus: configuration space through ECAM, and a window of 32-bit memory, mapped
// one to one, that the functions' BARs lie in. Source: PCI Express 5.0, section 7.2.2 (ECAM); the
// devicetree binding "pci-host-ecam-generic".
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include "devices/device.hpp"
#include "devices/pci/function.hpp"

namespace rvmm::devices::pci {

/// Slot 0 is the host bridge. Any number of vCPUs may access it at a time.
///
/// A BAR answers if COMMAND says so, if all of it lies in the window, and if it does not lie over
/// one that answers and comes before it: by slot, then by BAR. So what is where depends on the
/// registers alone, and BARs never reach anything else of the machine.
class Host : public std::enable_shared_from_this<Host> {
  public:
    static constexpr std::uint64_t kEcamSize = 1ULL << 20;
    static constexpr unsigned kSlots = 32;

    /// `memory` lies below 4 GiB, in whole pages. Errors (Stage::kInternal): it does not.
    static Result<std::shared_ptr<Host>> create(IpaRange memory);

    /// Before the guest runs. BARs get their first addresses in the order of slots, whichever was
    /// added first. Errors (Stage::kInternal): no such slot, one in use; (Stage::kConfig): the
    /// window is full.
    Result<> add(unsigned slot, std::shared_ptr<Function> function);

    /// What the bus needs: the first for kEcamSize bytes, the second for the window. They keep the
    /// host. Registers that are not there read as all ones.
    std::shared_ptr<Device> ecam() { return {shared_from_this(), &ecam_}; }
    std::shared_ptr<Device> memory() { return {shared_from_this(), &memory_}; }

  private:
    class Ecam final : public Device {
      public:
        explicit Ecam(Host& host) : host_(host) {}
        std::string_view name() const override { return "pci-config"; }
        void read(std::uint64_t offset, MutableByteSpan data) override;
        void write(std::uint64_t offset, ByteSpan data) override;

      private:
        Host& host_;
    };
    class Memory final : public Device {
      public:
        explicit Memory(Host& host) : host_(host) {}
        std::string_view name() const override { return "pci-memory"; }
        void read(std::uint64_t offset, MutableByteSpan data) override;
        void write(std::uint64_t offset, ByteSpan data) override;

      private:
        Host& host_;
    };
    /// A BAR that answers.
    struct Placed {
        IpaRange range;
        Function* function = nullptr;
        unsigned bar = 0;
        friend bool operator==(const Placed&, const Placed&) = default;
    };

    explicit Host(IpaRange window) : window_(window) {}
    Function* function_at(std::uint64_t ecam_offset, std::size_t size) const;
    Result<> lay_out();
    std::vector<Placed> answering() const;
    void update();
    /// Without a function if there is none for all of the access.
    Placed find(std::uint64_t window_offset, std::size_t size) const;

    const IpaRange window_;
    Ecam ecam_{*this};
    Memory memory_{*this};
    std::array<std::shared_ptr<Function>, kSlots> functions_;

    std::mutex updating_;  // taken before placed_mutex_ and the functions' locks
    mutable std::shared_mutex placed_mutex_;
    std::vector<Placed> placed_;  // ascending
};

}  // namespace rvmm::devices::pci
