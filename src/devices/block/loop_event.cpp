#include "devices/block/loop_event.hpp"

#include <asio/posix/stream_descriptor.hpp>

namespace rvmm::devices {

struct LoopEvent::State {
    State(Event made, asio::io_context& loop, std::function<void()> call)
        : event(std::move(made)), descriptor(loop, event.fd()), raised(std::move(call)) {}
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { descriptor.release(); }  // the event closes it

    Event event;
    asio::posix::stream_descriptor descriptor;
    std::function<void()> raised;
};

Result<LoopEvent> LoopEvent::create(asio::io_context& loop, std::string_view what,
                                    std::function<void()> raised) {
    RVMM_TRY(auto event, Event::create(what));
    auto state = std::make_shared<State>(std::move(event), loop, std::move(raised));
    listen(state);
    return LoopEvent(std::move(state));
}

const Event& LoopEvent::event() const {
    return state_->event;
}

void LoopEvent::listen(const std::shared_ptr<State>& state) {
    state->descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                                 [weak = std::weak_ptr(state)](const asio::error_code& error) {
                                     const auto self = weak.lock();
                                     if (error || !self) return;
                                     const bool raised = self->event.take();
                                     listen(self);
                                     if (raised) self->raised();
                                 });
}

}  // namespace rvmm::devices
