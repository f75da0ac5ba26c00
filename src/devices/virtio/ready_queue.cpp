#include "devices/virtio/ready_queue.hpp"

namespace rvmm::devices::virtio {

ReadyQueue::Visit::Visit(ReadyQueue& queue) : queue_(queue) {
    if (queue.broken()) return;
    if (auto batch = queue.queue_.begin())
        batch_.emplace(*std::move(batch));
    else
        queue.owner_.broke(queue.index_, batch.error());
}

ReadyQueue::Visit::~Visit() {
    if (batch_ && batch_->wants_interrupt()) queue_.owner_.used(queue_.index_);
}

std::optional<Chain> ReadyQueue::Visit::next() {
    if (!batch_ || queue_.broken()) return {};
    auto chain = batch_->next();
    if (chain) return *std::move(chain);
    queue_.owner_.broke(queue_.index_, chain.error());
    return {};
}

void ReadyQueue::Visit::complete(Chain chain, std::uint32_t written) {
    if (batch_) batch_->complete(std::move(chain), written);
}

void ReadyQueue::Visit::fill(Chain chain, std::uint32_t written) {
    if (batch_) batch_->fill(std::move(chain), written);
}

void ReadyQueue::Visit::put_back(Chain chain) {
    if (batch_) batch_->put_back(std::move(chain));
}

void ReadyQueue::Visit::disarm() {
    if (batch_) batch_->disarm();
}

bool ReadyQueue::Visit::rearm() {
    return batch_ && !queue_.broken() && batch_->rearm();
}

void ReadyQueue::serve(const std::function<std::optional<std::uint32_t>(Chain&)>& handle) {
    Visit visit(*this);
    std::uint32_t left = queue_.size();
    do {
        visit.disarm();
        while (auto chain = visit.next()) {
            if (const auto written = handle(*chain)) visit.complete(*std::move(chain), *written);
            if (--left == 0) return again();
        }
    } while (visit.rearm());
}

void ReadyQueue::complete(Chain chain, std::uint32_t written) {
    visit().complete(std::move(chain), written);
}

void ReadyQueue::complete(std::span<Completion> completions) {
    Visit visit(*this);
    for (Completion& completion : completions)
        visit.complete(std::move(completion.chain), completion.written);
}

}  // namespace rvmm::devices::virtio
