#include "base/fault_guard.hpp"

#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

namespace rvmm {
namespace {

// What the signal handler looks at: lock-free, and never gone.
struct Slot {
    std::atomic<std::uintptr_t> base{0};  // 0: free
    std::atomic<std::uintptr_t> top{0};
    std::atomic<bool> faulted{false};
};
std::array<Slot, FaultGuard::kMost> slots;
static_assert(std::atomic<std::uintptr_t>::is_always_lock_free);

struct sigaction previous = {};

Slot* slot_of(std::uintptr_t address) {
    for (Slot& slot : slots)
        if (address >= slot.base && address < slot.top) return &slot;
    return nullptr;
}

void on_bus_error(int signal, siginfo_t* info, void* context) {
    const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
    Slot* const slot = slot_of(address);
    if (slot != nullptr) {
        const auto page_size = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
        void* const page = static_cast<std::byte*>(info->si_addr) - (address & (page_size - 1));
        void* const zeros =
            ::mmap(page, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        slot->faulted = true;
        if (zeros != MAP_FAILED) return;
    }
    if ((previous.sa_flags & SA_SIGINFO) != 0 && previous.sa_sigaction != nullptr)
        return previous.sa_sigaction(signal, info, context);
    // Back to what it was: the access happens again, and ends the process as it would have.
    ::sigaction(SIGBUS, &previous, nullptr);
}

void install_handler() {
    struct sigaction action = {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    ::sigaction(SIGBUS, &action, &previous);
}

}  // namespace

Result<FaultGuard> FaultGuard::create(ByteSpan range) {
    static std::once_flag installed;
    static std::mutex allocation;
    std::call_once(installed, install_handler);
    const std::scoped_lock lock(allocation);
    for (std::size_t i = 0; i < slots.size(); ++i) {
        if (slots[i].base != 0) continue;
        const auto base = reinterpret_cast<std::uintptr_t>(range.data());
        slots[i].faulted = false;
        slots[i].top = base + range.size();
        slots[i].base = base;
        return FaultGuard(i);
    }
    return fail(Stage::kInternal, "more than {} files are mapped", kMost);
}

FaultGuard::FaultGuard(FaultGuard&& other) noexcept : slot_(std::exchange(other.slot_, kMost)) {}

FaultGuard::~FaultGuard() {
    if (slot_ == kMost) return;
    slots[slot_].top = 0;
    slots[slot_].base = 0;
}

bool FaultGuard::faulted() const {
    return slots[slot_].faulted;
}

}  // namespace rvmm
