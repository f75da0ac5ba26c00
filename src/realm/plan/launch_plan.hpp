// The launch plan: one immutable value from which a launch, a prediction and an explanation are
// made. Nothing that reads a plan decides anything about content or order. The plan owns its bytes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "realm/layout/board.hpp"
#include "realm/layout/guest_layout.hpp"
#include "realm/plan/profile.hpp"
#include "realm/spec/realm_spec.hpp"

namespace rvmm::realm {

/// Load `layout().blobs[blob]`; the realm's host measures its contents iff `measured`.
struct PopulateStep {
    std::size_t blob;
    bool measured;
};
struct CreateRecStep {
    std::uint32_t index;
    std::uint64_t mpidr;
    bool runnable;
    std::uint64_t pc;
    std::array<std::uint64_t, 8> gprs;
};
struct InitRipasStep {
    IpaRange range;
};
struct ActivateStep {};
using PlanStep = std::variant<PopulateStep, CreateRecStep, InitRipasStep, ActivateStep>;

/// The steps of a realm in the profile's order. `blobs` of them are populated; vCPU 0 begins at
/// `entry` with X0 = `fdt`.
std::vector<PlanStep> realm_steps(const Profile& profile, const Board& board, std::size_t blobs,
                                  Ipa entry, Ipa fdt);

struct PlanOptions {
    Reading reading = Reading::kOwn;         // kMap is for a single pass over the plan
    const ProfileTable* profiles = nullptr;  // nothing: the built-in ones
};

class LaunchPlan {
  public:
    /// Reads the images, lays them out and orders the steps as the spec's profile says.
    static Result<LaunchPlan> create(RealmSpec spec, const PlanOptions& options = {});
    /// The same for a layout that was made elsewhere, of a realm; its blobs' order is the order of
    /// population, and of `board` only the RAM and the CPUs count.
    static LaunchPlan of_layout(RealmSpec spec, Profile profile, Board board, GuestLayout layout);

    const RealmSpec& spec() const { return spec_; }
    bool is_realm() const { return spec_.realm.has_value(); }
    const Board& board() const { return board_; }
    const GuestLayout& layout() const { return layout_; }
    /// Gives back the images' memory, once the guest has them: of the layout nothing remains.
    void release_images() { layout_.blobs.clear(); }
    /// In the order in which they are done. Ordinary VMs have populate steps and RECs too; their
    /// "RECs" are the vCPUs.
    std::span<const PlanStep> steps() const { return steps_; }
    /// Realms only.
    const Profile* profile() const { return profile_ ? &*profile_ : nullptr; }

  private:
    LaunchPlan() = default;
    RealmSpec spec_;
    Board board_;
    GuestLayout layout_;
    std::vector<PlanStep> steps_;
    std::optional<Profile> profile_;
};

}  // namespace rvmm::realm
