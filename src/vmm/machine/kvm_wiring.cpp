#include "vmm/machine/kvm_wiring.hpp"

#include <cerrno>
#include <cstring>

#include <linux/kvm.h>

namespace rvmm::vmm {
namespace {

// Numbers of messages begin behind those of all SPIs (INTIDs 32 to 1019).
constexpr std::uint32_t kFirstMessage = 1024;
constexpr std::uint32_t kMostRoutes = 4096;  // KVM_MAX_IRQ_ROUTES

}  // namespace

Result<> KvmWiring::set_doorbell(const devices::Doorbell& doorbell, int event,
                                 std::uint32_t flags) {
    kvm_ioeventfd record = {};
    record.addr = seen_by_kvm(doorbell.address.value);
    record.len = doorbell.size;
    record.fd = event;
    record.flags = flags;
    if (doorbell.value) {
        record.flags |= KVM_IOEVENTFD_FLAG_DATAMATCH;
        record.datamatch = *doorbell.value;
    }
    if (const long rc = vm_.call(KVM_IOEVENTFD, &record); rc < 0)
        return fail_errno(Stage::kLaunch, static_cast<int>(-rc),
                          "KVM takes no doorbell of {} bytes at {:#x}", doorbell.size, record.addr);
    return {};
}

Result<> KvmWiring::add_doorbell(const devices::Doorbell& doorbell, int event) {
    return set_doorbell(doorbell, event, 0);
}

Result<> KvmWiring::remove_doorbell(const devices::Doorbell& doorbell, int event) {
    return set_doorbell(doorbell, event, KVM_IOEVENTFD_FLAG_DEASSIGN);
}

Result<> KvmWiring::connect(std::uint32_t interrupt, int event, std::uint32_t flags) {
    kvm_irqfd record = {};
    record.fd = static_cast<std::uint32_t>(event);
    record.gsi = interrupt;
    record.flags = flags;
    if (const long rc = vm_.call(KVM_IRQFD, &record); rc < 0)
        return fail_errno(Stage::kLaunch, static_cast<int>(-rc),
                          "KVM connects no event with interrupt {}", interrupt);
    return {};
}

Result<> KvmWiring::connect_spi(std::uint32_t spi, int event) {
    const std::lock_guard lock(mutex_);
    spis_.insert(spi);
    // As long as nobody sets routes, KVM has one for each SPI.
    if (!routed_.empty()) RVMM_CHECK(set_routes());
    return connect(spi, event, 0);
}

Result<std::uint32_t> KvmWiring::connect_message(int event) {
    const std::lock_guard lock(mutex_);
    if (kFirstMessage + messages_.size() >= kMostRoutes)
        return fail(Stage::kLaunch, "more than {} message-signalled interrupts", messages_.size());
    messages_.push_back(event);
    return static_cast<std::uint32_t>(messages_.size() - 1);
}

Result<> KvmWiring::set_message(std::uint32_t number,
                                const std::optional<devices::Message>& message) {
    const std::lock_guard lock(mutex_);
    const auto routed = routed_.find(number);
    const auto before =
        routed != routed_.end() ? std::optional(routed->second) : std::optional<devices::Message>();
    if (message) {
        routed_[number] = *message;
        Result<> done = set_routes();
        if (done && !before) done = connect(kFirstMessage + number, messages_[number], 0);
        if (done) return {};
        // As it was: the next one tries all of it again.
        if (before)
            routed_[number] = *before;
        else
            routed_.erase(number);
        return done;
    }
    if (!before) return {};
    // In this order: KVM may have put off what an event raised just now, and sends it before the
    // event is disconnected. Without its route it would be lost.
    RVMM_CHECK(connect(kFirstMessage + number, messages_[number], KVM_IRQFD_FLAG_DEASSIGN));
    routed_.erase(number);
    return set_routes();
}

Result<> KvmWiring::set_routes() {
    std::vector<kvm_irq_routing_entry> entries;
    for (const std::uint32_t spi : spis_) {
        kvm_irq_routing_entry entry = {};
        entry.gsi = spi;
        entry.type = KVM_IRQ_ROUTING_IRQCHIP;
        entry.u.irqchip.pin = spi;
        entries.push_back(entry);
    }
    for (const auto& [number, message] : routed_) {
        const std::uint64_t address = seen_by_kvm(message.address);
        kvm_irq_routing_entry entry = {};
        entry.gsi = kFirstMessage + number;
        entry.type = KVM_IRQ_ROUTING_MSI;
        entry.flags = KVM_MSI_VALID_DEVID;
        entry.u.msi.address_lo = static_cast<std::uint32_t>(address);
        entry.u.msi.address_hi = static_cast<std::uint32_t>(address >> 32);
        entry.u.msi.data = message.data;
        entry.u.msi.devid = message.requester;
        entries.push_back(entry);
    }
    // The header, then the entries: struct kvm_irq_routing ends in an array without a length.
    std::vector<std::byte> record(sizeof(kvm_irq_routing) +
                                  entries.size() * sizeof(kvm_irq_routing_entry));
    kvm_irq_routing header = {};
    header.nr = static_cast<std::uint32_t>(entries.size());
    std::memcpy(record.data(), &header, sizeof header);
    if (!entries.empty())
        std::memcpy(record.data() + sizeof header, entries.data(), record.size() - sizeof header);
    if (const long rc = vm_.call(KVM_SET_GSI_ROUTING, record.data()); rc < 0)
        return fail_errno(Stage::kLaunch, static_cast<int>(-rc),
                          "KVM takes no routes for {} interrupts", entries.size());
    return {};
}

}  // namespace rvmm::vmm
