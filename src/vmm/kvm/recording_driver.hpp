// A Driver that writes down every call and exit as a line of text (call_text.hpp), and nothing of
// the guest's memory.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "vmm/kvm/call_form.hpp"
#include "vmm/kvm/driver.hpp"
#include "vmm/kvm/object_names.hpp"

namespace rvmm::vmm::kvm {

/// What stands above the lines of a recording: '#' lines with the versions of rvmm, of the format
/// and of the kernel (uname -r), and the page size.
std::string recording_header(std::string_view kernel_release, Driver& driver);

/// Thread-safe. Lines come in the order in which calls end; a call that never ends has none.
class RecordingDriver final : public Driver {
  public:
    /// Takes one line, without its end; never called twice at once.
    using Sink = std::function<void(std::string_view line)>;

    /// Both outlive it.
    RecordingDriver(Driver& inner, Sink sink) : inner_(inner), sink_(std::move(sink)) {}

    int open_kvm() override;
    long ioctl(int fd, unsigned long request, std::uintptr_t argument) override;
    Result<Mapping> map_run(int vcpu_fd, std::size_t size) override;
    int punch_hole(int fd, std::uint64_t offset, std::uint64_t size) override;
    std::optional<std::uint64_t> module_parameter(std::string_view name) override;
    std::uint64_t page_size() override { return inner_.page_size(); }

  private:
    struct VcpuRun {
        kvm_run* run = nullptr;
        bool wants_data = false;  // its last exit was a read
    };
    long run(int fd);
    void name_new_object(int maker, const Call& call, long result, std::uintptr_t argument);

    Driver& inner_;
    Sink sink_;
    std::mutex mutex_;
    ObjectNames names_;
    std::map<int, VcpuRun> runs_;
    std::set<std::string, std::less<>> parameters_;  // that have a line
};

}  // namespace rvmm::vmm::kvm
