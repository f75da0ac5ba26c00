// What all objects of the fake share.
#pragma once

#include <mutex>

#include "fake_kvm/ledger.hpp"
#include "fake_kvm/options.hpp"
#include "fake_kvm/rules.hpp"

namespace rvmm::vmm::fake {

/// `mutex` protects the ledger and every object of the fake.
struct Host {
    explicit Host(FakeOptions given) : options(std::move(given)), rules(rules_of(options)) {}

    /// Whether KVM can make realms here. RMM 1.0 needs a kernel of 4 KiB pages (sheet 3.1).
    bool has_realms() const {
        return rules.family != Family::kOrdinary && options.rmm &&
               (rules.rmm != measure::Rule::kRmm1 || options.page_size == 4096);
    }
    bool is_page_aligned(std::uint64_t value) const { return value % options.page_size == 0; }

    FakeOptions options;
    const Rules rules;
    Ledger ledger;
    std::mutex mutex;
};

}  // namespace rvmm::vmm::fake
