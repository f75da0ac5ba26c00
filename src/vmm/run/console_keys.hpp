// Between what a person types and the guest: the escape keys, on a terminal only.
#pragma once

#include <functional>

#include "base/bytes.hpp"
#include "vmm/terminal/escape_filter.hpp"

namespace rvmm::vmm {

class ConsoleKeys {
  public:
    static constexpr std::size_t kKeptLimit = 4096;

    /// Takes bytes for the guest and returns how many it took.
    using Take = std::function<std::size_t(ByteSpan)>;

    /// Without a terminal every byte is the guest's. `quit` is what Ctrl-A x does, `power` what
    /// Ctrl-A p does.
    ConsoleKeys(bool on_terminal, std::function<void()> quit, std::function<void()> power)
        : on_terminal_(on_terminal), quit_(std::move(quit)), power_(std::move(power)) {}

    /// Filters `bytes` and hands them on; returns how many of them are done with. Bytes that the
    /// guest does not take yet are kept here, so that the keys work whatever the guest does; from
    /// kKeptLimit on nothing new is taken. With no bytes it only tries to hand those on.
    std::size_t pass(ByteSpan bytes, const Take& take);

  private:
    void hand_on(const Take& take);

    bool on_terminal_;
    std::function<void()> quit_;
    std::function<void()> power_;
    EscapeFilter filter_;
    Bytes kept_;
};

}  // namespace rvmm::vmm
