// An event that other threads, or the kernel, raise to have something called on a loop.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include <asio/io_context.hpp>

#include "base/event.hpp"

namespace rvmm::devices {

/// Created and ended on the loop, which outlives it. raised() is called some time after the event
/// was raised, once for all that came before; it may end the LoopEvent.
class LoopEvent {
  public:
    /// `what` names it in errors (Stage::kLaunch).
    static Result<LoopEvent> create(asio::io_context& loop, std::string_view what,
                                    std::function<void()> raised);

    const Event& event() const;

  private:
    struct State;
    static void listen(const std::shared_ptr<State>& state);
    explicit LoopEvent(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;  // alone here: what waits has no share
};

}  // namespace rvmm::devices
