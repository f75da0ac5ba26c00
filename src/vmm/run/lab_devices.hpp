// The devices of an image that runs in a lab: what is on this machine, and how the rvmm inside gets
// at it.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "realm/spec/realm_spec.hpp"
#include "vmm/console/console_file.hpp"
#include "vmm/lab/lab.hpp"

namespace rvmm::vmm {

struct LabDevices {
    realm::RealmSpec spec;  // with the paths that the lab has
    std::vector<lab::LabDisk> disks = {};
    bool network = false;
    struct PortFile {
        std::string inside;  // what a console port wrote, in the lab
        ConsoleFile file;    // where it goes when the run has ended
    };
    std::vector<PortFile> files = {};
};

/// Errors (Stage::kHostCannot): a device that no lab can have. Looks at `spec` alone.
Result<> check_devices_for_lab(const realm::RealmSpec& spec);

/// Errors: those of check_devices_for_lab(); what a device needs is missing here, as it would be
/// without a lab.
Result<LabDevices> devices_in_lab(realm::RealmSpec spec);

}  // namespace rvmm::vmm
