// Plays a recording (docs/record.md) back to the real code: the same calls get the same answers.
// A call that the recording does not have, or has with other inputs, is a failure that says what
// was expected.
//
// A vCPU's calls come in its recorded order, and exits in that of the whole recording, so that the
// guest does its things in the order in which it did them. On other objects a call stands for the
// next one of its name. Not compared, for threads and kicks decide it: addresses of ours, KVM_RUNs
// that were interrupted, and the order and number of KVM_IRQ_LINEs. A vCPU whose exits are used up
// waits for a kick.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vmm/kvm/call_form.hpp"
#include "vmm/kvm/driver.hpp"
#include "vmm/kvm/object_names.hpp"

namespace rvmm::vmm {

class ReplayDriver final : public kvm::Driver {
  public:
    /// `report` is told what does not fit; without one the test fails.
    using Report = std::function<void(const std::string& what)>;
    explicit ReplayDriver(std::string_view recording, Report report = {});

    int open_kvm() override;
    long ioctl(int fd, unsigned long request, std::uintptr_t argument) override;
    Result<Mapping> map_run(int vcpu_fd, std::size_t size) override;
    int punch_hole(int fd, std::uint64_t offset, std::uint64_t size) override;
    std::optional<std::uint64_t> module_parameter(std::string_view name) override;
    std::uint64_t page_size() override { return page_size_; }

    /// Lines that no call has asked for, but for what is not compared.
    std::vector<std::string> unplayed() const;
    /// Descriptors that were handed out and are still open.
    std::size_t open_descriptors() const;

  private:
    struct Record {
        std::string line;
        std::string object;
        std::string name;
        std::string call;  // name and inputs
        std::string exit;  // of KVM_RUN
        std::vector<std::pair<std::string, std::string>> outputs;
        std::string result;  // empty for 0
        bool is_interrupted_run() const;
        long error() const;                                     // -errno, or 0
        std::string_view output(std::string_view field) const;  // empty if it has none
    };
    struct Vcpu {
        std::string object;
        kvm_run* run = nullptr;
        bool wants_data = false;
    };
    using Queue = std::deque<const Record*>;
    static Record parse(std::string_view line);
    void queue_records();

    void mismatch(const std::string& what);
    /// What answers this call; nullptr after a failure.
    const Record* match(const std::string& object, std::string_view name, const std::string& call);
    long answer(const Record& record, const kvm::Call& call, int fd, std::uintptr_t argument);
    int make(kvm::ObjectKind kind, int maker, std::uint64_t number);

    long run(int fd);
    enum class Woken : std::uint8_t { kItsTurn, kKick, kFailure };
    Woken wait_for_exit(const Vcpu& vcpu);
    long leave(const Record& record, Vcpu& vcpu);

    Report report_;
    std::uint64_t page_size_ = 4096;
    mutable std::mutex mutex_;
    std::vector<Record> records_;
    std::map<std::string, Queue, std::less<>> queues_;  // by object, what is not played yet
    Queue exits_;                                       // of all vCPUs
    kvm::ObjectNames names_;
    std::map<int, Vcpu> vcpus_;
    std::vector<int> made_;
    bool failed_ = false;
};

}  // namespace rvmm::vmm
