#include "vmm/run/console_keys.hpp"

#include <unistd.h>

#include "base/file.hpp"

namespace rvmm::vmm {

std::size_t ConsoleKeys::pass(ByteSpan bytes, const Take& take) {
    if (!on_terminal_) return take(bytes);
    hand_on(take);
    if (kept_.size() >= kKeptLimit) return 0;
    const auto result = filter_.feed(bytes);
    kept_.insert(kept_.end(), result.typed.begin(), result.typed.end());
    if (result.help)
        // A terminal that is gone ends the run by its own signal.
        static_cast<void>(
            write_all(Stage::kInternal, STDERR_FILENO, as_bytes(EscapeFilter::help()), "help"));
    if (result.power) power_();
    if (result.quit) quit_();
    hand_on(take);
    return bytes.size();
}

void ConsoleKeys::hand_on(const Take& take) {
    const std::size_t taken = kept_.empty() ? 0 : take(kept_);
    kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(taken));
}

}  // namespace rvmm::vmm
