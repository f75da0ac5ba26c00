// The images of a suite as they go into a lab: each is read once, and what is the same travels
// once.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "realm/plan/launch_plan.hpp"
#include "vmm/lab/lab_image.hpp"
#include "vmm/suite/test_case.hpp"

namespace rvmm::vmm::suite {

/// One image with its settings, in a lab.
struct ImageInLab {
    std::string config;        // its path there
    std::string rim = {};      // hex; empty: an ordinary VM
    std::uint64_t memory = 0;  // bytes, of the guest
};

class LabImages {
  public:
    /// `profiles` outlives it.
    explicit LabImages(const realm::ProfileTable& profiles) : profiles_(profiles) {}

    /// The image of `one`, which is packed the first time. Errors: those of load_config() and
    /// LaunchPlan::create(); (Stage::kHostCannot) it needs what no lab of several guests has;
    /// (Stage::kMeasurement) it does not measure to what its config or the test expects.
    Result<ImageInLab> add(const TestCase& one);

    /// What goes into the lab.
    const std::vector<lab::LabFile>& files() const { return files_; }
    /// Some guest has a network.
    bool network() const { return network_; }

  private:
    Result<ImageInLab> pack(const TestCase& one);
    Result<std::string> add_blob(ByteSpan bytes);
    void add_file(std::string path, ByteSpan bytes);
    Result<> add_config(const realm::LaunchPlan& plan, const std::string& folder);

    const realm::ProfileTable& profiles_;
    std::map<std::string, Result<ImageInLab>> images_;  // by image, settings and expected RIM
    std::map<std::string, std::string> blobs_;          // paths in the lab by digest
    std::vector<lab::LabFile> files_;
    bool network_ = false;
};

}  // namespace rvmm::vmm::suite
