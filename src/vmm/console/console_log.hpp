// The file that --console-log names: what the guest printed, byte by byte.
#pragma once

#include <filesystem>
#include <optional>

#include "base/bytes.hpp"
#include "vmm/console/console_file.hpp"

namespace rvmm::vmm {

class ConsoleLog {
  public:
    /// Without a path it takes everything and keeps nothing. Errors as of ConsoleFile::create().
    static Result<ConsoleLog> create(const std::optional<std::filesystem::path>& path);

    /// What was said stays, however the run ends. A file that cannot be written to ends there, with
    /// a warning.
    void add(ByteSpan bytes);
    /// The guest has run: the file stays, even empty.
    void keep() {
        if (file_) file_->keep();
    }

  private:
    explicit ConsoleLog(std::optional<ConsoleFile> file) : file_(std::move(file)) {}
    std::optional<ConsoleFile> file_;
};

}  // namespace rvmm::vmm
