#include "base/fault_guard.hpp"

#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

#include "base/exit_code.hpp"

namespace rvmm {
namespace {

// What the signal handler looks at: lock-free, and never gone.
struct Slot {
    std::atomic<std::uintptr_t> base{0};  // 0: free
    std::atomic<std::uintptr_t> top{0};
    std::atomic<bool> faulted{false};
    // Guest memory only: why it may be gone, and the guest's address of the first byte.
    std::atomic<const char*> fatal{nullptr};
    std::atomic<std::uint64_t> first_address{0};
};
std::array<Slot, FaultGuard::kMost> slots;
static_assert(std::atomic<std::uintptr_t>::is_always_lock_free);

struct sigaction previous = {};

Slot* slot_of(std::uintptr_t address) {
    for (Slot& slot : slots)
        if (address >= slot.base && address < slot.top) return &slot;
    return nullptr;
}

/// Async-signal-safe: one write, then the end.
[[noreturn]] void end_process(std::uint64_t address, const char* why) {
    std::array<char, 256> line{};
    std::size_t used = 0;
    const auto put = [&](std::string_view text) {
        for (const char c : text)
            if (used < line.size()) line[used++] = c;
    };
    put("rvmm: error: guest memory at 0x");
    bool begun = false;
    for (int shift = 60; shift >= 0; shift -= 4) {
        const std::uint64_t digit = (address >> shift) & 15;
        begun = begun || digit != 0 || shift == 0;
        if (begun) put(std::string_view("0123456789abcdef").substr(digit, 1));
    }
    put(" cannot be touched: ");
    put(why);
    put("\n");
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), used);
    ::_exit(to_int(ExitCode::kInternal));
}

void on_bus_error(int signal, siginfo_t* info, void* context) {
    const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
    Slot* const slot = slot_of(address);
    if (slot != nullptr) {
        if (const char* why = slot->fatal)
            end_process(slot->first_address + (address - slot->base), why);
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
    return create(range, 0, nullptr);
}

Result<FaultGuard> FaultGuard::create_fatal(ByteSpan range, std::uint64_t first_address,
                                            const char* why) {
    return create(range, first_address, why);
}

Result<FaultGuard> FaultGuard::create(ByteSpan range, std::uint64_t first_address,
                                      const char* why) {
    static std::once_flag installed;
    static std::mutex allocation;
    std::call_once(installed, install_handler);
    const std::scoped_lock lock(allocation);
    for (std::size_t i = 0; i < slots.size(); ++i) {
        if (slots[i].base != 0) continue;
        const auto base = reinterpret_cast<std::uintptr_t>(range.data());
        slots[i].faulted = false;
        slots[i].fatal = why;
        slots[i].first_address = first_address;
        slots[i].top = base + range.size();
        slots[i].base = base;
        return FaultGuard(i);
    }
    return fail(Stage::kInternal, "more than {} ranges of memory are guarded", kMost);
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
