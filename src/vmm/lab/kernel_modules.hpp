// Which files of a kernel's module folder must be loaded, in which order, to have one module.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace rvmm::vmm::lab {

/// The files of `folder` (lib/modules/<release>, with depmod's modules.dep) to load for `module`,
/// first one first; none if the kernel has it built in. "-" and "_" are the same in module names.
/// Errors (Stage::kHostCannot): the kernel has no such module, or depmod was not run.
Result<std::vector<std::filesystem::path>> files_for_module(const std::filesystem::path& folder,
                                                            std::string_view module);

/// The files to load for `module` by the text of modules.dep: its own last; none if it is not
/// there.
std::vector<std::string_view> find_in_modules_dep(std::string_view modules_dep,
                                                  std::string_view module);

}  // namespace rvmm::vmm::lab
