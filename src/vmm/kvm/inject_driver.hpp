// A Driver that makes calls fail as a text says, for tests of what rvmm does then. Part of rvmm
// only where it is built with RVMM_TEST_HOOKS: the environment variable RVMM_INJECT holds the text.
//
//   SET_MEMORY_ATTRIBUTES#2=ENOMEM   the second call of it fails and does not reach the kernel
//   POPULATE:pages=3                 a call does at most 3 pages, as its revision tells that
//   POPULATE:eintr                   every other call, from the first on, is interrupted
//   RUN:faults=1000@0x80200000       once vCPU 0 has run, its KVM_RUN comes back that often with a
//                                    memory fault of that page, to shared and to private in turn
//
// A comma stands between parts. A name is that of recordings (call_text.hpp).
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vmm/kvm/call_form.hpp"
#include "vmm/kvm/driver.hpp"

namespace rvmm::vmm::kvm {

struct Injections {
    struct Failure {
        std::string call;
        std::uint64_t nth = 0;  // from 1, over all objects
        int error_number = 0;
    };
    struct Storm {
        std::uint64_t faults = 0;
        std::uint64_t page = 0;
    };
    std::vector<Failure> failures;
    std::optional<std::uint64_t> populate_pages;
    bool populate_eintr = false;
    std::optional<Storm> storm;

    /// Errors (Stage::kUsage) name the part that is wrong.
    static Result<Injections> parse(std::string_view text);
};

/// Thread-safe.
class InjectDriver final : public Driver {
  public:
    /// `inner` outlives it.
    InjectDriver(Driver& inner, Injections injections);
    ~InjectDriver() override;

    int open_kvm() override;
    long ioctl(int fd, unsigned long request, std::uintptr_t argument) override;
    Result<Mapping> map_run(int vcpu_fd, std::size_t size) override;
    int punch_hole(int fd, std::uint64_t offset, std::uint64_t size) override;
    std::optional<std::uint64_t> module_parameter(std::string_view name) override {
        return inner_.module_parameter(name);
    }
    std::uint64_t page_size() override { return inner_.page_size(); }

  private:
    /// The errno that this call of `name` is to fail with, 0 for none.
    int failure_of(std::string_view name);
    long populate(int fd, unsigned long request, std::uintptr_t argument);
    long run(int fd);
    bool is_first_vcpu(int fd);
    /// One fault of the storm; nothing if there is none (any more).
    std::optional<long> next_fault();

    Driver& inner_;
    const Injections injections_;
    std::mutex mutex_;
    std::vector<std::uint64_t> calls_;  // so far, by failure
    std::uint64_t populates_ = 0;
    int first_vcpu_ = -1;
    kvm_run* first_run_ = nullptr;
    bool has_run_ = false;                // vCPU 0
    std::uint64_t faults_ = 0;            // of the storm, so far
    std::unique_ptr<kvm_run> real_exit_;  // what the storm hides
};

}  // namespace rvmm::vmm::kvm
