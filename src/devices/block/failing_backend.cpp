#include "devices/block/failing_backend.hpp"

#include <cerrno>

namespace rvmm::devices {

Result<std::unique_ptr<BlockBackend>> FailingBackend::create(asio::io_context& loop,
                                                             std::unique_ptr<BlockBackend> inner,
                                                             std::function<bool()> broken) {
    std::unique_ptr<FailingBackend> made(new FailingBackend(std::move(inner), std::move(broken)));
    RVMM_TRY(made->event_,
             LoopEvent::create(loop, "disk", [backend = made.get()] { backend->reap(); }));
    return made;
}

void FailingBackend::set_client(Client& client) {
    client_ = &client;
    inner_->set_client(client);
}

void FailingBackend::queue(BlockRequest& request) {
    if (!broken_()) return inner_->queue(request);
    request.fail(EIO);
    failed_.push_back(&request);
}

void FailingBackend::submit() {
    if (!failed_.empty()) event_->event().raise();
    inner_->submit();
}

void FailingBackend::reap() {
    reaped_.clear();
    reaped_.swap(failed_);
    if (!reaped_.empty()) client_->completed(reaped_);
}

}  // namespace rvmm::devices
