// The folder of this user's running guests: $XDG_RUNTIME_DIR/rvmm, else /run/rvmm for root, else
// /tmp/rvmm-UID. It is nobody else's, or it is not used.
#pragma once

#include <filesystem>
#include <optional>

#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace rvmm::vmm {

class RuntimeFolder {
  public:
    /// What the choice depends on.
    struct Surroundings {
        std::string xdg_runtime_dir = {};  // a relative one does not count
        unsigned user = 0;
        std::filesystem::path run = "/run";
        std::filesystem::path tmp = "/tmp";
    };
    static Surroundings ours();
    static std::filesystem::path path_for(const Surroundings& surroundings);

    /// Makes it if it is not there. Errors (Stage::kHostCannot): it cannot be made, is a symbolic
    /// link or no folder, belongs to somebody else, or is open to others.
    static Result<RuntimeFolder> open(const Surroundings& surroundings);
    /// Nothing where it is not there yet.
    static Result<std::optional<RuntimeFolder>> find(const Surroundings& surroundings);

    const std::filesystem::path& path() const { return path_; }

    /// Held by who adds or removes entries. A process that ends gives it back.
    class Lock {
      public:
        explicit Lock(int fd) : fd_(fd) {}
        Lock(Lock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
        Lock& operator=(Lock&&) = delete;
        ~Lock();

      private:
        int fd_;
    };
    /// Errors (Stage::kHostCannot): another process keeps it for 2 s.
    Result<Lock> lock() const;

  private:
    RuntimeFolder(std::filesystem::path path, UniqueFd fd)
        : path_(std::move(path)), fd_(std::move(fd)) {}
    static Result<std::optional<RuntimeFolder>> check(const std::filesystem::path& path,
                                                      unsigned user);

    std::filesystem::path path_;
    UniqueFd fd_;
};

}  // namespace rvmm::vmm
