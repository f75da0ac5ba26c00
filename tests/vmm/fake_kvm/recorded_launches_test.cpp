// The calls of launches that were recorded on running hosts lead to the RIMs that were recorded.
#include <cstring>

#include <gtest/gtest.h>

#include "measure/vectors.hpp"
#include "vmm/fake_kvm/raw_vmm.hpp"

namespace rvmm::vmm {
namespace {

using vectors::json;
using vectors::number;
using vectors::text;

// Only the digests of the pages are known: a page says in its first bytes what its digest is.
FakeOptions options_for(FakeRevision revision) {
    FakeOptions options;
    options.revision = revision;
    options.page_digest = [](ByteSpan page) { return *measure::Digest::from(page.first(32)); };
    return options;
}

Bytes pages_of(const json& part) {
    Bytes pages;
    for (const json& page : part.at("page_sha256")) {
        const auto digest = measure::Digest::from_hex(text(page));
        Bytes bytes(4096);
        std::ranges::copy(digest->bytes(), bytes.begin());
        pages.insert(pages.end(), bytes.begin(), bytes.end());
    }
    return pages;
}

void set_up_vcpus(RawVmm& vmm, const json& launch) {
    const json& params = launch.at("realm_params");
    const bool sve = (params.at("flags").get<unsigned>() & 2) != 0;
    const unsigned vl = params.at("sve_vl").get<unsigned>();
    ASSERT_EQ(vmm.create_vcpu(0), 0);
    ASSERT_EQ(vmm.create_gic(), 0);
    ASSERT_EQ(vmm.set_gic_frames(), 0);
    ASSERT_EQ(vmm.init_gic(), 0);
    ASSERT_EQ(vmm.init_vcpu(0, vmm.features() | (sve ? 1U << KVM_ARM_VCPU_SVE : 0)), 0);
    if (sve) {
        if (vl < 15) {
            ASSERT_EQ(vmm.set_vector_lengths(0, (2U << vl) - 1), 0);
        }
        ASSERT_EQ(vmm.finalize(0, KVM_ARM_VCPU_SVE), 0);
    }
    const std::uint64_t dfr0 = vmm.get(0, kvm::abi::kRegIdAa64dfr0) & ~(0xfULL << 20);
    const std::uint64_t wrps = params.at("num_wps").get<std::uint64_t>();
    ASSERT_EQ(vmm.set(0, kvm::abi::kRegIdAa64dfr0, dfr0 | wrps << 20), 0);
    const auto rec = vectors::rec0_params(launch);
    for (unsigned i = 0; i < 8; ++i)
        ASSERT_EQ(vmm.set(0, fake::x_id(i), rec.get(rmi::RecParams::kGprs, i)), 0);
    ASSERT_EQ(vmm.set(0, fake::pc_id(), rec.get(rmi::RecParams::kPc)), 0);
}

struct NumberedSlot {
    std::uint32_t id;
    IpaRange range;
};

// In the order in which they were set; an id may come twice.
std::vector<NumberedSlot> slots_of(const json& launch) {
    if (launch.contains("slot"))
        return {{0, vectors::range(launch.at("slot").at(0), launch.at("slot").at(1))}};
    // real-launch-v14: RAM is not measured there.
    if (!launch.contains("slots")) return {{0, *IpaRange::make(Ipa{0x8000'0000}, 256ULL << 20)}};
    std::vector<NumberedSlot> slots;
    const std::vector<std::uint32_t> order = launch.at("slots_set_in_order");
    for (const std::uint32_t id : order)
        for (const json& slot : launch.at("slots"))
            if (slot.at("id") == id)
                slots.push_back(
                    {id, *IpaRange::make(Ipa{number(slot.at("base"))}, number(slot.at("size")))});
    return slots;
}

void populate(RawVmm& vmm, const json& launch, bool returns_bytes) {
    for (const json& part : launch.at("populate")) {
        const Bytes pages = pages_of(part);
        const long done =
            vmm.populate(Ipa{number(part.at("base"))}, pages, part.value("flags", 1U));
        ASSERT_EQ(done, returns_bytes ? static_cast<long>(pages.size()) : 0);
    }
}

// The order of v12 and later.
std::string kernel_driven_rim(FakeRevision revision, const json& launch) {
    FakeKvm kvm(options_for(revision));
    RawVmm vmm(kvm);
    EXPECT_EQ(vmm.create_realm(launch.at("realm_params").at("s2sz").get<unsigned>()), 0);
    std::set<std::uint32_t> set;
    for (const auto& [id, range] : slots_of(launch)) {
        if (!set.insert(id).second) {
            EXPECT_EQ(vmm.delete_slot(id), 0);
        }
        EXPECT_EQ(vmm.add_slot(id, range), 0);
        if (revision != FakeRevision::kV15) {
            EXPECT_EQ(vmm.set_private(range, true), 0);
        }
    }
    set_up_vcpus(vmm, launch);
    populate(vmm, launch, revision == FakeRevision::kV12);
    EXPECT_EQ(vmm.run_briefly(), -EINTR);
    EXPECT_EQ(kvm.realm_state(), fake::Realm::State::kActive);
    const std::string rim = to_hex(kvm.rim());
    vmm.close_all();
    EXPECT_EQ(kvm.kernel_warnings(), 0);
    EXPECT_EQ(kvm.open_descriptors(), 0U);
    return rim;
}

// kvmtool's order on v7 to v11.
std::string command_rim(const CommandTree& tree, const json& launch) {
    using Command = kvm::abi::RealmCommand;
    FakeOptions options = options_for(FakeRevision::kV10);
    options.tree = tree;
    FakeKvm kvm(options);
    RawVmm vmm(kvm);
    EXPECT_EQ(vmm.create_realm(launch.at("realm_params").at("s2sz").get<unsigned>()), 0);
    const json calls =
        launch.value("init_ripas_calls", json::array({launch.value("slot", json())}));
    std::uint32_t id = 0;
    for (const json& call : calls)
        EXPECT_EQ(vmm.add_slot(id++, vectors::range(call.at(0), call.at(1))), 0);
    set_up_vcpus(vmm, launch);
    EXPECT_EQ(vmm.command(Command::kCreate), 0);
    for (const json& call : calls)
        EXPECT_EQ(vmm.init_ripas(vectors::range(call.at(0), call.at(1))), 0);
    for (const json& part : launch.at("populate")) {
        const Bytes pages = pages_of(part);
        const auto range = vectors::range(part.at("base"), part.at("top"));
        std::ranges::copy(pages, vmm.slot_at(range.base()).at(range.base()));
        EXPECT_EQ(vmm.populate_slot(range, part.value("flags", 1U)), 0);
    }
    EXPECT_EQ(vmm.finalize(0, static_cast<int>(tree.rec_bit)), 0);
    EXPECT_EQ(vmm.command(Command::kActivate), 0);
    EXPECT_EQ(vmm.run_briefly(), -EINTR);
    return to_hex(kvm.rim());
}

TEST(RecordedLaunches, V12Cases) {
    const json cases = vectors::load("realm-v12-cases.json").at("cases");
    ASSERT_EQ(cases.size(), 18U);
    for (const json& launch : cases)
        EXPECT_EQ(kernel_driven_rim(FakeRevision::kV12, launch), text(launch.at("rim")))
            << launch.at("name");
}

TEST(RecordedLaunches, V10Cases) {
    const json cases = vectors::load("realm-v10-cases.json").at("cases");
    ASSERT_EQ(cases.size(), 18U);
    for (const json& launch : cases)
        for (const CommandTree& tree : {kTreeV7, kTreeV10})
            EXPECT_EQ(command_rim(tree, launch), text(launch.at("rim"))) << launch.at("name");
}

TEST(RecordedLaunches, LinuxOnV12AndV10) {
    const json v12 = vectors::load("real-launch-v12.json");
    EXPECT_EQ(kernel_driven_rim(FakeRevision::kV12, v12), text(v12.at("rim")));
    const json v10 = vectors::load("real-launch-v10.json");
    EXPECT_EQ(command_rim(kTreeV10, v10), text(v10.at("rim")));
}

TEST(RecordedLaunches, LinuxOnV14_GivesTheSameRimOnAllOfRmm2) {
    const json v14 = vectors::load("real-launch-v14.json");
    for (const FakeRevision revision : {FakeRevision::kV13, FakeRevision::kV14, FakeRevision::kV15})
        EXPECT_EQ(kernel_driven_rim(revision, v14), text(v14.at("rim")));
}

}  // namespace
}  // namespace rvmm::vmm
