#include "devices/virtio/pci_bench.hpp"

#include <gtest/gtest.h>

namespace rvmm::devices::virtio {

PciBench::PciBench() {
    auto made = PciTransport::create(loop, memory, wiring, device, guest.host(), kSlot);
    EXPECT_TRUE(made) << made.error().message();
    transport = *std::move(made);
}

PciBench::~PciBench() {
    bool closed = false;
    transport->frontend().close([&] { closed = true; });
    settle();
    EXPECT_TRUE(closed);
    EXPECT_EQ(memory.leases(), 0u);
    EXPECT_EQ(wiring.violations(), std::vector<std::string>{});
}

void PciBench::settle() {
    loop.restart();
    while (loop.poll() > 0) {
    }
}

PciBench::Structure PciBench::structure(unsigned type) {
    for (const std::size_t at : guest.capabilities(kSlot, pci::kCapabilityVendor)) {
        if (guest.config<std::uint8_t>(kSlot, at + 3) != type) continue;
        const auto bar = guest.config<std::uint8_t>(kSlot, at + 4);
        return {guest.bar(kSlot, bar) + guest.config<std::uint32_t>(kSlot, at + 8),
                guest.config<std::uint32_t>(kSlot, at + 12), at};
    }
    ADD_FAILURE() << "no structure " << type;
    return {};
}

std::uint64_t PciBench::bell(unsigned queue) {
    set(kCommonSelect, static_cast<std::uint16_t>(queue));
    const Structure notify = structure(2);
    return notify.address + std::uint64_t{get<std::uint16_t>(kCommonNotifyOff)} *
                                guest.config<std::uint32_t>(kSlot, notify.capability + 16);
}

std::vector<std::uint64_t> PciBench::bells() const {
    std::vector<std::uint64_t> found;
    for (const auto& [doorbell, event] : wiring.doorbells()) {
        EXPECT_EQ(doorbell.size, 2u);
        EXPECT_EQ(doorbell.value, std::nullopt);
        EXPECT_EQ(event, transport->frontend().doorbell(static_cast<unsigned>(found.size())));
        found.push_back(doorbell.address.value);
    }
    return found;
}

void PciBench::enable_msix(unsigned vectors) {
    set_msix(kMsixEnable);
    for (unsigned i = 0; i < vectors; ++i) {
        guest.store<std::uint64_t>(msix_entry(i), message(i).address);
        guest.store<std::uint64_t>(msix_entry(i) + 8, message(i).data);
    }
}

void PciBench::negotiate() {
    add_status(kStatusAcknowledge);
    add_status(kStatusDriver);
    for (const std::uint32_t word : {0U, 1U}) {
        set(kCommonFeatureSelect, word);
        set(kCommonAcceptSelect, word);
        set(kCommonAccept, get<std::uint32_t>(kCommonFeature));
    }
    add_status(kStatusFeaturesOk);
    ASSERT_NE(status() & kStatusFeaturesOk, 0);
}

void PciBench::start() {
    negotiate();
    queues.clear();
    for (std::uint16_t i = 0; i < get<std::uint16_t>(kCommonQueues); ++i) {
        std::ranges::fill(memory.at(page(i), kPageSize4K), std::byte{0});
        set(kCommonSelect, i);
        set<std::uint16_t>(kCommonSize, 16);
        set<std::uint16_t>(kCommonVector, static_cast<std::uint16_t>(i + 1));
        EXPECT_EQ(get<std::uint16_t>(kCommonVector), i + 1);
        const QueueSetup& rings = queues.emplace_back(memory, 16, true, true, i).setup();
        unsigned field = kCommonAreas;
        for (const Ipa area : {rings.descriptors, rings.driver, rings.device}) {
            set(field, static_cast<std::uint32_t>(area.value));
            set(field + 4, static_cast<std::uint32_t>(area.value >> 32));
            field += 8;
        }
        set<std::uint16_t>(kCommonEnable, 1);
    }
    set<std::uint16_t>(kCommonConfigVector, 0);
    add_status(kStatusDriverOk);
    settle();
}

void PciBench::start_with_msix() {
    enable_function();
    enable_msix(3);
    start();
}

void PciBench::offer(unsigned queue, std::uint16_t first, std::string_view text) {
    std::ranges::copy(as_bytes(text), memory.at(page(8), text.size()).begin());
    queues[queue].offer(
        first, {{page(8), static_cast<std::uint32_t>(text.size())}, {page(9), 64, kPartWrite}});
}

std::string PciBench::answer(std::size_t size) {
    const ByteSpan bytes = memory.at(page(9), size);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace rvmm::devices::virtio
