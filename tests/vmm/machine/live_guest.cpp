#include "vmm/machine/live_guest.hpp"

#include <chrono>

#include <gtest/gtest.h>
#include <sys/eventfd.h>

namespace rvmm::vmm {
namespace {

constexpr std::uint64_t kGuestRam = 0x8000'0000;
constexpr std::uint64_t kRsiVersion = 0xC400'0190;
constexpr std::uint64_t kRsiIpaStateSet = 0xC400'0197;

}  // namespace

LiveGuest::LiveGuest(FakeKvm& fake, GuestOn on, Program program) : fake_(fake), on_(on) {
    fake_.script(0, {[this](FakeKvm::Vcpu& vcpu, kvm_run& run) { return next(vcpu, run); }});
    thread_ = std::thread([this, program = std::move(program)] {
        try {
            learn_memory();
            program(*this);
        } catch (const Aborted&) {  // the machine's run is over
        }
    });
}

LiveGuest::~LiveGuest() {
    {
        const std::lock_guard lock(mutex_);
        aborted_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

// On the vCPU's thread. The step before is complete when this one begins.
long LiveGuest::next(FakeKvm::Vcpu& vcpu, kvm_run& run) {
    FakeKvm::Step step;
    {
        std::unique_lock lock(mutex_);
        if (vcpu_ == nullptr) vcpu_ = &vcpu;  // once: the program reads it without the lock
        if (state_ == State::kRunning) {
            state_ = State::kIdle;
            changed_.notify_all();
        }
        // Not for long: KVM_RUN may have to return.
        changed_.wait_for(lock, std::chrono::milliseconds(1),
                          [this] { return state_ == State::kOffered; });
        vcpu.runs_again = true;
        if (state_ != State::kOffered) return FakeKvm::kNoExit;
        step = step_;
    }
    vcpu.runs_again = false;
    const long result = step(vcpu, run);
    const bool repeats = std::exchange(vcpu.runs_again, true);
    const std::lock_guard lock(mutex_);
    if (!repeats) state_ = State::kRunning;
    return result;
}

void LiveGuest::offer(FakeKvm::Step step) {
    const std::lock_guard lock(mutex_);
    step_ = std::move(step);
    state_ = State::kOffered;
    changed_.notify_all();
}

void LiveGuest::perform(FakeKvm::Step step) {
    offer(std::move(step));
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return aborted_ || state_ == State::kIdle; });
    if (aborted_) throw Aborted();
}

void LiveGuest::look_at(const std::function<void(FakeKvm::Vcpu&)>& look) {
    perform(vmm::look(look));
}

std::uint64_t LiveGuest::load(std::uint64_t address, std::uint32_t size) {
    perform(mmio_read(device_address(address), size));
    const std::uint64_t data = vcpu_->mmio_data;
    return size >= 8 ? data : data & ((1ULL << (8 * size)) - 1);
}

void LiveGuest::store(std::uint64_t address, std::uint64_t value, std::uint32_t size) {
    perform(mmio_write(device_address(address), static_cast<std::uint32_t>(value), size));
}

void LiveGuest::begin_store(std::uint64_t address, std::uint64_t value, std::uint32_t size) {
    offer(mmio_write(device_address(address), static_cast<std::uint32_t>(value), size));
}

void LiveGuest::share(std::uint64_t ipa, std::uint64_t size) {
    if (on_ == GuestOn::kCcaRealm) {
        perform(change_ripas(*IpaRange::make(Ipa{ipa}, size), false));
        perform(touch_shared(ipa));
    } else if (on_ == GuestOn::kEmulatedRealm) {
        perform(smc(kRsiVersion, 0x10000));
        perform(smc(kRsiIpaStateSet, ipa, ipa + size, 0));
        EXPECT_EQ(vcpu_->x(0), 0u);
        EXPECT_EQ(vcpu_->x(1), ipa + size);
    }
}

void LiveGuest::unshare(std::uint64_t ipa, std::uint64_t size) {
    if (on_ == GuestOn::kCcaRealm)
        perform(change_ripas(*IpaRange::make(Ipa{ipa}, size), true));
    else if (on_ == GuestOn::kEmulatedRealm)
        perform(smc(kRsiIpaStateSet, ipa, ipa + size, 1));
}

void LiveGuest::learn_memory() {
    look_at([this](FakeKvm::Vcpu& vcpu) {
        const std::lock_guard lock(vcpu.vm->host.mutex);
        const std::uint64_t seen =
            on_ == GuestOn::kEmulatedRealm ? kGuestRam | kSharedBit : kGuestRam;
        for (const auto& slot : fake_.slots())
            if (slot.guest_phys_addr == seen)
                ram_ = reinterpret_cast<std::byte*>(slot.userspace_addr);
    });
    ASSERT_NE(ram_, nullptr);
}

MutableByteSpan LiveGuest::memory(std::uint64_t ipa, std::size_t size) const {
    return {ram_ + (ipa - kGuestRam), size};
}

bool LiveGuest::interrupted(std::uint32_t number) {
    bool raised = false;
    look_at([&](FakeKvm::Vcpu& vcpu) {
        const std::lock_guard lock(vcpu.vm->host.mutex);
        const auto [begin, end] = vcpu.vm->wiring.connected().equal_range(number);
        for (auto it = begin; it != end; ++it) {
            eventfd_t count = 0;
            raised |= ::eventfd_read(it->second, &count) == 0;
        }
    });
    return raised;
}

bool LiveGuest::eventually(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!done()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::microseconds(200));
        const std::lock_guard lock(mutex_);
        if (aborted_) throw Aborted();
    }
    return true;
}

}  // namespace rvmm::vmm
