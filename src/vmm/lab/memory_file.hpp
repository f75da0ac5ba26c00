// Bytes as an unnamed file that another program can open, without touching a disk.
#pragma once

#include <string>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace rvmm::vmm::lab {

/// A memfd that holds `bytes`, sealed so that nobody can change it; close-on-exec. `name` shows up
/// in /proc only. Errors: Stage::kLaunch.
Result<UniqueFd> make_memory_file(const char* name, ByteSpan bytes);

/// The path by which a process that has inherited `fd` opens it anew.
std::string path_of_inherited(int fd);

}  // namespace rvmm::vmm::lab
