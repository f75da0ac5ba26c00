// What `find` varies: for every key of a config the values to try, the config's own first.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "realm/plan/profile.hpp"
#include "realm/spec/realm_spec.hpp"

namespace rvmm::realm {

/// In the order in which candidates are made: those that change a realm's chain of extensions from
/// its beginning come first.
enum class Axis : std::uint8_t {
    kProfile,
    kIpaBits,
    kSveVl,
    kPmuCounters,
    kBreakpoints,
    kWatchpoints,
    kInitrd,
    kMemory,
    kVcpus,
    kCmdline,
};
inline constexpr std::size_t kAxisCount = 10;

/// The index of a value for each axis; 0 is the config's own.
using Candidate = std::array<std::uint32_t, kAxisCount>;

/// Profiles that lead to the same RIMs and differ only in what they can set.
struct ProfileGroup {
    std::vector<const Profile*> rows;  // not empty
};

/// What the user says about the values to try.
struct AxisWishes {
    std::vector<std::string> vary;      // "KEY=V1,V2,A-B": these values instead of the usual ones
    std::vector<std::string> only;      // keys: no others vary, but for those of vary and cmdlines
    std::vector<std::string> cmdlines;  // to try beside the config's
};

class Axes {
  public:
    /// `spec` is a realm's and lives as long as this, like `profiles`. Errors (Stage::kUsage): a
    /// key that is none or does not vary (with the nearest), a value that it does not take.
    static Result<Axes> create(const RealmSpec& spec, const ProfileTable& profiles,
                               const AxisWishes& wishes);

    std::size_t size(Axis axis) const { return sizes_[static_cast<std::size_t>(axis)]; }
    const ProfileGroup& group(const Candidate& candidate) const;
    /// The config's own.
    const Profile& own_profile() const { return *groups_.front().rows.front(); }

    /// Sets everything in `spec` that varies but the profile. `spec` is a copy of the config's.
    void apply(const Candidate& candidate, RealmSpec& spec) const;

    /// The number of candidates that differ from the config in exactly `changes` axes, up to
    /// UINT64_MAX.
    std::uint64_t count(unsigned changes) const;
    /// Calls `visit` for each of them, in a fixed order, until it returns false or an error; this
    /// is then returned.
    Result<bool> for_each(unsigned changes,
                          const std::function<Result<bool>(const Candidate&)>& visit) const;

    /// The most memory that a candidate has, bytes.
    std::uint64_t largest_memory() const;

  private:
    explicit Axes(const RealmSpec& spec) : spec_(&spec) {}
    Result<> vary(std::string_view wish, const ProfileTable& profiles);
    void group_profiles(const std::vector<const Profile*>& rows);
    Result<> add_cmdlines(const std::vector<std::string>& cmdlines);
    void set_sizes(const std::array<bool, kAxisCount>& varies);

    const RealmSpec* spec_;
    std::vector<ProfileGroup> groups_;
    std::array<std::vector<std::uint64_t>, kAxisCount> numbers_;  // of the axes that are numbers
    std::vector<std::string> cmdlines_;
    std::array<std::size_t, kAxisCount> sizes_{};  // values of each axis
};

/// The key of an image.cfg that `axis` varies: "machine.vcpus".
std::string_view axis_key(Axis axis);

}  // namespace rvmm::realm
