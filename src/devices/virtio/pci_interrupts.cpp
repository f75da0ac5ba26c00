#include "devices/virtio/pci_interrupts.hpp"

namespace rvmm::devices::virtio {
namespace {

constexpr std::uint8_t kIsrQueue = 1U << 0;
constexpr std::uint8_t kIsrConfig = 1U << 1;

}  // namespace

PciInterrupts::PciInterrupts(pci::Msix& msix, std::size_t queues)
    : msix_(msix), queue_vectors_(queues) {
    reset();
}

void PciInterrupts::queue_used(unsigned queue) {
    if (!msix_.enabled())
        isr_ |= kIsrQueue;
    else
        raise(queue_vectors_[queue]);
}

void PciInterrupts::config_changed() {
    isr_ |= kIsrConfig;
    if (msix_.enabled()) raise(config_vector_);
}

std::uint16_t PciInterrupts::queue_vector(std::uint32_t queue) const {
    return queue < queue_vectors_.size() ? queue_vectors_[queue].load() : kNoVector;
}

void PciInterrupts::set_queue_vector(std::uint32_t queue, std::uint16_t vector) {
    if (queue < queue_vectors_.size()) queue_vectors_[queue] = known(vector);
}

void PciInterrupts::reset() {
    config_vector_ = kNoVector;
    for (auto& vector : queue_vectors_) vector = kNoVector;
    isr_ = 0;
}

std::uint16_t PciInterrupts::known(std::uint16_t vector) const {
    return vector < msix_.vectors() ? vector : kNoVector;
}

void PciInterrupts::raise(std::uint16_t vector) {
    if (vector != kNoVector) msix_.raise(vector);
}

}  // namespace rvmm::devices::virtio
