#include "fake_kvm/wiring.hpp"

#include <algorithm>

#include <sys/eventfd.h>

#include "fake_kvm/host_memory.hpp"

namespace rvmm::vmm::fake {
namespace {

constexpr std::uint32_t kMostRoutes = 4096;
constexpr std::uint32_t kMostSpis = 1020 - 32;

bool same_place(const kvm_ioeventfd& a, const kvm_ioeventfd& b) {
    const bool either_any = ((a.flags & b.flags) & KVM_IOEVENTFD_FLAG_DATAMATCH) == 0;
    return a.addr == b.addr && (a.len == b.len || a.len == 0 || b.len == 0) &&
           (either_any || a.datamatch == b.datamatch);
}

}  // namespace

long Wiring::set_doorbell(const kvm_ioeventfd& record) {
    constexpr std::uint32_t kFlags = KVM_IOEVENTFD_FLAG_DATAMATCH | KVM_IOEVENTFD_FLAG_DEASSIGN;
    const bool length_ok =
        record.len == 0 || record.len == 1 || record.len == 2 || record.len == 4 || record.len == 8;
    if ((record.flags & ~kFlags) != 0 || !length_ok)
        return host_.ledger.refuse(EINVAL, "IOEVENTFD: flags or length");
    if (record.len == 0 && (record.flags & KVM_IOEVENTFD_FLAG_DATAMATCH) != 0)
        return host_.ledger.refuse(EINVAL, "IOEVENTFD: data of no length");
    if (realm_ && record.addr >= 1ULL << (ipa_bits_ - 1))
        host_.ledger.violation("IOEVENTFD above the shared bit (sheet 9: plain addresses)");
    const auto found = std::ranges::find_if(
        doorbells_, [&](const kvm_ioeventfd& other) { return same_place(other, record); });
    if ((record.flags & KVM_IOEVENTFD_FLAG_DEASSIGN) != 0) {
        if (found == doorbells_.end() || found->fd != record.fd)
            return host_.ledger.refuse(ENOENT, "IOEVENTFD: none to take away");
        doorbells_.erase(found);
        return 0;
    }
    if (found != doorbells_.end()) return host_.ledger.refuse(EEXIST, "IOEVENTFD twice");
    doorbells_.push_back(record);
    return 0;
}

long Wiring::connect(const kvm_irqfd& record, bool has_gic) {
    if (!has_gic) return host_.ledger.refuse(EINVAL, "IRQFD without an in-kernel GIC");
    constexpr std::uint32_t kDisconnects = KVM_IRQFD_FLAG_DEASSIGN;
    if ((record.flags & ~kDisconnects) != 0) return host_.ledger.refuse(EINVAL, "IRQFD: flags");
    if (record.gsi >= kMostRoutes) return host_.ledger.refuse(EINVAL, "IRQFD: no such interrupt");
    const bool connects = record.flags == 0;
    const auto found = std::ranges::find_if(connected_, [&](const auto& pair) {
        return pair.second == static_cast<int>(record.fd) && (connects || pair.first == record.gsi);
    });
    if (!connects) {
        if (found == connected_.end())
            host_.ledger.violation("IRQFD: nothing to disconnect");
        else
            connected_.erase(found);
        return 0;
    }
    if (found != connected_.end())
        return host_.ledger.refuse(EBUSY, "IRQFD: the event is connected already");
    connected_.emplace(record.gsi, static_cast<int>(record.fd));
    return 0;
}

long Wiring::set_routes(std::uint64_t address) {
    const auto header = *record_at<kvm_irq_routing>(address);
    if (header.flags != 0 || header.nr > kMostRoutes)
        return host_.ledger.refuse(EINVAL, "SET_GSI_ROUTING: flags or number");
    std::vector<kvm_irq_routing_entry> routes;
    for (std::uint32_t i = 0; i < header.nr; ++i) {
        const auto entry = *record_at<kvm_irq_routing_entry>(address + sizeof header +
                                                             i * sizeof(kvm_irq_routing_entry));
        if (entry.gsi >= kMostRoutes)
            return host_.ledger.refuse(EINVAL, "SET_GSI_ROUTING: too large a number");
        const bool is_chip = entry.type == KVM_IRQ_ROUTING_IRQCHIP;
        if (is_chip && (entry.u.irqchip.irqchip != 0 || entry.u.irqchip.pin >= kMostSpis))
            return host_.ledger.refuse(EINVAL, "SET_GSI_ROUTING: no such pin");
        if (!is_chip && entry.type != KVM_IRQ_ROUTING_MSI)
            return host_.ledger.refuse(EINVAL, "SET_GSI_ROUTING: unknown type");
        if (!is_chip && entry.flags != KVM_MSI_VALID_DEVID)
            host_.ledger.violation("SET_GSI_ROUTING: an ITS needs the device ID");
        routes.push_back(entry);
    }
    routes_ = std::move(routes);
    return 0;
}

bool Wiring::ring(std::uint64_t address, std::uint32_t length, std::uint64_t value) const {
    for (const kvm_ioeventfd& bell : doorbells_) {
        const bool fits = bell.addr == address && (bell.len == 0 || bell.len == length);
        const bool data =
            (bell.flags & KVM_IOEVENTFD_FLAG_DATAMATCH) == 0 || bell.datamatch == value;
        if (!fits || !data) continue;
        ::eventfd_write(bell.fd, 1);
        return true;
    }
    return false;
}

}  // namespace rvmm::vmm::fake
