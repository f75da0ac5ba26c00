// A guest whose program is ordinary code: it makes its accesses one by one and sees what they give,
// where FakeKvm::script() takes steps that are known before.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "base/bytes.hpp"
#include "fake_kvm/guest.hpp"

namespace rvmm::vmm {

enum class GuestOn : std::uint8_t { kVm, kEmulatedRealm, kCcaRealm };

class LiveGuest {
  public:
    /// Realms here have 40 IPA bits.
    static constexpr std::uint64_t kSharedBit = 1ULL << 39;
    using Program = std::function<void(LiveGuest&)>;

    /// `program` runs on a thread of its own, once vCPU 0 does. Afterwards the vCPU waits.
    LiveGuest(FakeKvm& fake, GuestOn on, Program program);
    /// After the machine's run.
    ~LiveGuest();

    // For the program.

    /// Does a step and waits until it is complete.
    void perform(FakeKvm::Step step);
    /// Does one that nothing comes back from, as a power-off.
    void perform_last(FakeKvm::Step step) { offer(std::move(step)); }
    /// The vCPU, looked at between two exits.
    void look_at(const std::function<void(FakeKvm::Vcpu&)>& look);

    /// Devices, whose addresses are given plain; realms touch them with the shared bit.
    std::uint64_t load(std::uint64_t address, std::uint32_t size);
    void store(std::uint64_t address, std::uint64_t value, std::uint32_t size);
    /// Starts a store and does not wait for its end.
    void begin_store(std::uint64_t address, std::uint64_t value, std::uint32_t size);

    /// Makes pages something that devices can reach, as a realm must.
    void share(std::uint64_t ipa, std::uint64_t size);
    void unshare(std::uint64_t ipa, std::uint64_t size);
    /// Memory as devices see it.
    MutableByteSpan memory(std::uint64_t ipa, std::size_t size) const;
    /// What to tell a device of an address.
    std::uint64_t device_address(std::uint64_t ipa) const {
        return on_ == GuestOn::kVm ? ipa : ipa | kSharedBit;
    }

    /// Whether the event of this interrupt (an SPI, or a message's number) was raised.
    bool interrupted(std::uint32_t number);
    /// Whether `done` says so within 10 s.
    bool eventually(const std::function<bool()>& done);

    GuestOn on() const { return on_; }
    FakeKvm& fake() { return fake_; }

  private:
    struct Aborted {};
    enum class State : std::uint8_t { kIdle, kOffered, kRunning };
    long next(FakeKvm::Vcpu& vcpu, kvm_run& run);
    void offer(FakeKvm::Step step);
    void learn_memory();

    FakeKvm& fake_;
    const GuestOn on_;
    std::byte* ram_ = nullptr;

    std::mutex mutex_;
    std::condition_variable changed_;
    State state_ = State::kIdle;
    FakeKvm::Step step_;
    FakeKvm::Vcpu* vcpu_ = nullptr;
    bool aborted_ = false;
    std::thread thread_;
};

}  // namespace rvmm::vmm
