// The kernel's KVM as a command uses it: with every call recorded where that is asked for, and in
// builds with RVMM_TEST_HOOKS with the faults that RVMM_INJECT names (docs/record.md).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "cli/output.hpp"
#include "vmm/kvm/inject_driver.hpp"
#include "vmm/kvm/recording_driver.hpp"

namespace rvmm::cli {

class KvmAccess {
  public:
    /// `record` is the path of the new recording, empty for none. Errors (Stage::kUsage): the file
    /// is there, or RVMM_INJECT is wrong.
    static Result<std::unique_ptr<KvmAccess>> create(const std::string& record);

    vmm::kvm::Driver& driver() { return *driver_; }
    bool records() const { return recorder_.has_value(); }
    /// Keeps the recording, once no call is made any more. Errors: a line could not be written;
    /// then there is none.
    Result<> finish();

  private:
    KvmAccess();
    Result<> start_recording(const std::string& path);
    void write(std::string_view text);

    vmm::kvm::Driver* driver_;
    std::optional<vmm::kvm::InjectDriver> injector_;
    std::optional<NewFile> file_;
    Result<> written_;
    std::optional<vmm::kvm::RecordingDriver> recorder_;
};

/// Adds --record FILE.
void add_record_option(CLI::App& command, std::string& path);

}  // namespace rvmm::cli
