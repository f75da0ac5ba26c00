#include "vmm/kvm/inject_driver.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include <linux/kvm.h>

#include "base/log.hpp"
#include "base/text.hpp"
#include "vmm/kvm/call_text.hpp"
#include "vmm/kvm/realm_abi.hpp"

namespace rvmm::vmm::kvm {
namespace {

constexpr std::string_view kPopulate = "POPULATE";
constexpr std::uint64_t kStormPage = 0x8020'0000;

std::unexpected<Error> bad(std::string_view part, std::string_view why) {
    return fail(Stage::kUsage, "RVMM_INJECT: {}: {}", part, why);
}

/// NAME#N=ERRNO
Result<Injections::Failure> parse_failure(std::string_view part) {
    const std::size_t hash = part.find('#');
    const std::size_t equals = part.find('=');
    if (hash == std::string_view::npos || equals == std::string_view::npos || equals < hash)
        return bad(part, "neither NAME#N=ERRNO nor POPULATE: or RUN: with what they take");
    Injections::Failure failure;
    failure.call = part.substr(0, hash);
    if (!is_call_name(failure.call)) return bad(part, "there is no call of that name");
    failure.nth = parse_unsigned(part.substr(hash + 1, equals - hash - 1)).value_or(0);
    if (failure.nth == 0) return bad(part, "calls are counted from 1");
    failure.error_number = errno_of(part.substr(equals + 1));
    if (failure.error_number == 0) return bad(part, "there is no such errno");
    return failure;
}

/// N[@ADDRESS]
Result<Injections::Storm> parse_storm(std::string_view part, std::string_view value) {
    const std::size_t at = value.find('@');
    const auto faults = parse_unsigned(value.substr(0, at));
    if (!faults) return bad(part, "not a number of faults");
    if (at == std::string_view::npos) return Injections::Storm{*faults, kStormPage};
    const auto page = parse_unsigned(value.substr(at + 1));
    if (!page) return bad(part, "not an address");
    return Injections::Storm{*faults, *page};
}

Result<> parse_part(std::string_view part, Injections& injections) {
    constexpr std::string_view kPages = "POPULATE:pages=";
    constexpr std::string_view kFaults = "RUN:faults=";
    if (part == "POPULATE:eintr") {
        injections.populate_eintr = true;
    } else if (part.starts_with(kPages)) {
        injections.populate_pages = parse_unsigned(part.substr(kPages.size()));
        if (injections.populate_pages.value_or(0) == 0) return bad(part, "not a number of pages");
    } else if (part.starts_with(kFaults)) {
        RVMM_TRY(injections.storm, parse_storm(part, part.substr(kFaults.size())));
    } else {
        RVMM_TRY(auto failure, parse_failure(part));
        injections.failures.push_back(std::move(failure));
    }
    return {};
}

/// Takes back what the last exit said: all that lies behind exit_reason's flags.
void restore_exit(kvm_run& run, const kvm_run& saved) {
    run.exit_reason = saved.exit_reason;
    std::memcpy(&run.hw, &saved.hw, sizeof(kvm_run) - offsetof(kvm_run, hw));
}

}  // namespace

Result<Injections> Injections::parse(std::string_view text) {
    Injections injections;
    while (!text.empty()) {
        const std::size_t comma = text.find(',');
        RVMM_CHECK(parse_part(text.substr(0, comma), injections));
        if (comma == std::string_view::npos) break;
        text.remove_prefix(comma + 1);
        if (text.empty()) return bad(",", "nothing behind the last comma");
    }
    return injections;
}

InjectDriver::InjectDriver(Driver& inner, Injections injections)
    : inner_(inner), injections_(std::move(injections)), calls_(injections_.failures.size()) {}

InjectDriver::~InjectDriver() = default;

int InjectDriver::failure_of(std::string_view name) {
    const std::lock_guard lock(mutex_);
    int error_number = 0;
    for (std::size_t i = 0; i < calls_.size(); ++i) {
        const Injections::Failure& failure = injections_.failures[i];
        if (is_call(name, failure.call) && ++calls_[i] == failure.nth)
            error_number = failure.error_number;
    }
    return error_number;
}

int InjectDriver::open_kvm() {
    const int error_number = failure_of(kOpenCall);
    return error_number != 0 ? -error_number : inner_.open_kvm();
}

long InjectDriver::ioctl(int fd, unsigned long request, std::uintptr_t argument) {
    const Call call = describe_call(ObjectKind::kNone, request, argument);
    if (const int error_number = failure_of(call.name); error_number != 0) return -error_number;
    if (request == KVM_RUN) return run(fd);
    if (is_call(call.name, kPopulate) && !call.null_record) return populate(fd, request, argument);
    const long result = inner_.ioctl(fd, request, argument);
    if (request == KVM_CREATE_VCPU && argument == 0 && result >= 0) {
        const std::lock_guard lock(mutex_);
        first_vcpu_ = static_cast<int>(result);
        first_run_ = nullptr;
        has_run_ = false;
    }
    return result;
}

long InjectDriver::populate(int fd, unsigned long request, std::uintptr_t argument) {
    if (!injections_.populate_eintr && !injections_.populate_pages)
        return inner_.ioctl(fd, request, argument);
    if (request == abi::kEnableCap) {
        warn("RVMM_INJECT: POPULATE: does not apply: KVM of series v8 to v11 does all of a call");
        return -EOPNOTSUPP;
    }
    {
        const std::lock_guard lock(mutex_);
        if (injections_.populate_eintr && populates_++ % 2 == 0) return -EINTR;
    }
    if (!injections_.populate_pages) return inner_.ioctl(fd, request, argument);
    auto& record = *std::bit_cast<abi::Populate*>(argument);
    const std::uint64_t wanted = record.size;
    const std::uint64_t cut = *injections_.populate_pages < wanted / page_size()
                                  ? *injections_.populate_pages * page_size()
                                  : wanted;
    record.size = cut;
    const long result = inner_.ioctl(fd, request, argument);
    // v13 and later take off what is done, v12 leaves the record alone.
    record.size = wanted - (cut - record.size);
    return result;
}

bool InjectDriver::is_first_vcpu(int fd) {
    const std::lock_guard lock(mutex_);
    return fd == first_vcpu_ && first_run_ != nullptr;
}

long InjectDriver::run(int fd) {
    if (!injections_.storm || !is_first_vcpu(fd)) return inner_.ioctl(fd, KVM_RUN, 0);
    // From here on vCPU 0's own thread.
    if (const auto fault = next_fault()) return *fault;
    const long result = inner_.ioctl(fd, KVM_RUN, 0);
    if (result != -EINTR && result != -EAGAIN) has_run_ = true;
    return result;
}

std::optional<long> InjectDriver::next_fault() {
    kvm_run& run = *first_run_;
    if (!has_run_) return std::nullopt;
    if (faults_ == injections_.storm->faults) {
        if (real_exit_) restore_exit(run, *real_exit_);
        real_exit_.reset();
        return std::nullopt;
    }
    if (std::atomic_ref(run.immediate_exit).load(std::memory_order_acquire) != 0) return -EINTR;
    if (!real_exit_) real_exit_ = std::make_unique<kvm_run>(run);
    run.exit_reason = KVM_EXIT_MEMORY_FAULT;
    run.memory_fault.flags = faults_++ % 2 == 0 ? 0 : abi::kMemoryFaultPrivate;
    run.memory_fault.gpa = injections_.storm->page;
    run.memory_fault.size = page_size();
    return -EFAULT;
}

Result<Mapping> InjectDriver::map_run(int vcpu_fd, std::size_t size) {
    if (const int error_number = failure_of(kMapRunCall); error_number != 0)
        return fail_errno(Stage::kLaunch, error_number, "cannot map kvm_run");
    auto mapping = inner_.map_run(vcpu_fd, size);
    const std::lock_guard lock(mutex_);
    if (mapping && vcpu_fd == first_vcpu_) first_run_ = reinterpret_cast<kvm_run*>(mapping->data());
    return mapping;
}

int InjectDriver::punch_hole(int fd, std::uint64_t offset, std::uint64_t size) {
    const int error_number = failure_of(kPunchHoleCall);
    return error_number != 0 ? -error_number : inner_.punch_hole(fd, offset, size);
}

}  // namespace rvmm::vmm::kvm
