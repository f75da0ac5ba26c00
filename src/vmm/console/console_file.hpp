// A new file for what a console writes.
#pragma once

#include <filesystem>

#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace rvmm::vmm {

/// Removed again with the object unless it is kept: a launch that fails leaves nothing behind, and
/// can be tried again.
class ConsoleFile {
  public:
    /// Errors (Stage::kUsage): it is already there, or cannot be made.
    static Result<ConsoleFile> create(std::filesystem::path path);
    ConsoleFile(ConsoleFile&&) noexcept = default;
    ConsoleFile& operator=(ConsoleFile&&) = delete;
    ~ConsoleFile();

    int fd() const { return fd_.get(); }
    void keep() { kept_ = true; }

  private:
    ConsoleFile(std::filesystem::path path, UniqueFd fd)
        : path_(std::move(path)), fd_(std::move(fd)) {}

    std::filesystem::path path_;
    UniqueFd fd_;
    bool kept_ = false;
};

}  // namespace rvmm::vmm
