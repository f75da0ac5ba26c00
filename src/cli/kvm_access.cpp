#include "cli/kvm_access.hpp"

#include <cstdlib>

#include <sys/utsname.h>

namespace rvmm::cli {
namespace {

/// What RVMM_INJECT says; nothing in builds for use.
Result<std::optional<vmm::kvm::Injections>> injections() {
#ifdef RVMM_TEST_HOOKS
    if (const char* text = std::getenv("RVMM_INJECT"); text != nullptr)
        return vmm::kvm::Injections::parse(text);
#endif
    return std::nullopt;
}

std::string kernel_release() {
    struct utsname name = {};
    return ::uname(&name) == 0 ? name.release : "?";
}

}  // namespace

KvmAccess::KvmAccess() : driver_(&vmm::kvm::real_driver()) {}

Result<std::unique_ptr<KvmAccess>> KvmAccess::create(const std::string& record) {
    std::unique_ptr<KvmAccess> access(new KvmAccess());
    RVMM_TRY(auto faults, injections());
    if (faults) access->driver_ = &access->injector_.emplace(*access->driver_, *std::move(faults));
    if (!record.empty()) RVMM_CHECK(access->start_recording(record));
    return access;
}

Result<> KvmAccess::start_recording(const std::string& path) {
    RVMM_TRY(auto file, NewFile::create(path, "recording", NewFile::Appears::kAtOnce));
    file_.emplace(std::move(file));
    write(vmm::kvm::recording_header(kernel_release(), *driver_));
    driver_ = &recorder_.emplace(
        *driver_, [this](std::string_view line) { write(std::string(line) + "\n"); });
    return written_;
}

void KvmAccess::write(std::string_view text) {
    if (!written_) return;
    written_ = file_->write(text);
    // A host that crashes is what recordings are for: each line is in the file at once.
    if (written_) written_ = file_->flush();
}

Result<> KvmAccess::finish() {
    RVMM_CHECK(written_);
    return file_ ? file_->finish() : Result<>();
}

void add_record_option(CLI::App& command, std::string& path) {
    command
        .add_option("--record", path,
                    "Write every call to KVM and its answer to this new file (docs/record.md)")
        ->type_name("FILE");
}

}  // namespace rvmm::cli
