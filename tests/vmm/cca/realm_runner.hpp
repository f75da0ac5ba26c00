// Launches realms on a fake CCA host as `rvmm run` does, with the console in a string.
#pragma once

#include <filesystem>
#include <string>

#include "fake_kvm/fake_kvm.hpp"
#include "fake_kvm/guest.hpp"
#include "realm/plan/launch_plan.hpp"
#include "vmm/cca/revision.hpp"
#include "vmm/machine/machine_runner.hpp"

namespace rvmm::vmm::cca {

inline constexpr std::uint64_t kTestRam = 0x8000'0000;
inline constexpr std::uint64_t kTestUart = 0x100'0000;
inline constexpr std::uint64_t kMib = 1ULL << 20;

/// That does not wrap.
inline IpaRange range(std::uint64_t base, std::uint64_t size) {
    return *IpaRange::make(Ipa{base}, size);
}

/// A folder with a kernel of 5,000 bytes and an initrd of 10,000; gone with the object.
class TestImages {
  public:
    TestImages();
    ~TestImages();
    TestImages(const TestImages&) = delete;

    /// 64 MiB, 40 IPA bits, for a host of `profile`.
    realm::RealmSpec spec(std::string profile, std::uint32_t vcpus = 1) const;
    /// The same as a plan; `change` sees the spec before.
    realm::LaunchPlan plan(std::string profile, std::uint32_t vcpus = 1,
                           const std::function<void(realm::RealmSpec&)>& change = {}) const;

  private:
    std::filesystem::path folder_;
};

/// A fake host of a revision that a plan by `profile_of()` runs on.
FakeOptions host_of(Revision revision);
std::string profile_of(Revision revision);

using RealmRun = MachineRun;
/// Probes `driver`, launches `plan` on it and runs it to its end. `prepare` sees the machine
/// before.
RealmRun run_realm(const realm::LaunchPlan& plan, kvm::Driver& driver,
                   const PrepareMachine& prepare = {});

/// A letter on the UART, and what a realm's guest does to print `text` by host call from a page
/// that it has shared.
FakeKvm::Step type_letter(char letter);
std::vector<FakeKvm::Step> print_by_host_call(std::uint64_t shared_page, std::string text);

/// How many threads, descriptors and guest memory mappings this process has.
struct Holdings {
    std::size_t threads = 0;
    std::size_t descriptors = 0;
    std::size_t guest_mappings = 0;
    static Holdings now();
    friend bool operator==(const Holdings&, const Holdings&) = default;
};

}  // namespace rvmm::vmm::cca
