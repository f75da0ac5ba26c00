#include "vmm/cca/guest_memory.hpp"

#include <cerrno>
#include <cstring>
#include <thread>

#include <sys/mman.h>
#include <unistd.h>

#include "vmm/kvm/realm_abi.hpp"

namespace rvmm::vmm::cca {
namespace {

namespace abi = kvm::abi;

constexpr int kMostRetries = 1000;  // of a call that the kernel asks to repeat
constexpr auto kRetryPause = std::chrono::milliseconds(1);

Result<UniqueFd> make_private_file(const kvm::Vm& vm, std::uint64_t size) {
    abi::CreateGuestMemfd record = {.size = size, .flags = 0, .reserved = {}};
    const long fd = vm.call(abi::kCreateGuestMemfd, &record);
    if (fd < 0)
        return fail_errno(Stage::kLaunch, static_cast<int>(-fd),
                          "cannot make {} bytes of private guest memory (guest_memfd)", size);
    return UniqueFd(static_cast<int>(fd));
}

Result<UniqueFd> make_shared_file(std::uint64_t size) {
    UniqueFd file(::memfd_create("rvmm-shared", MFD_CLOEXEC));
    if (!file) return fail_errno(Stage::kLaunch, errno, "cannot make shared guest memory");
    if (::ftruncate(file.get(), static_cast<off_t>(size)) != 0)
        return fail_errno(Stage::kLaunch, errno, "cannot make {} bytes of shared guest memory",
                          size);
    return file;
}

}  // namespace

GuestMemory::GuestMemory(const kvm::Vm& vm, const Options& options, UniqueFd private_file,
                         UniqueFd shared_file, Mapping shared, FaultGuard guard)
    : vm_(vm),
      options_(options),
      private_file_(std::move(private_file)),
      shared_file_(std::move(shared_file)),
      shared_(std::move(shared)),
      guard_(std::move(guard)),
      leases_(options.lease_patience) {}

Result<std::unique_ptr<GuestMemory>> GuestMemory::create(const kvm::Vm& vm,
                                                         const Options& options) {
    const std::uint64_t size = options.ram.size();
    RVMM_TRY(auto private_file, make_private_file(vm, size));
    RVMM_TRY(auto shared_file, make_shared_file(size));
    RVMM_TRY(auto shared, Mapping::create("shared guest memory", size, PROT_READ | PROT_WRITE,
                                          MAP_SHARED | MAP_NORESERVE, shared_file.get()));
    // v14 fails on huge pages there; no harm elsewhere. A kernel without them refuses the advice.
    ::madvise(shared.data(), shared.size(), MADV_NOHUGEPAGE);
    RVMM_TRY(auto guard, FaultGuard::create_fatal(
                             shared.bytes(), options.ram.base().value,
                             "the host took the page away (delegated to the realm, or damaged)"));
    std::unique_ptr<GuestMemory> memory(new GuestMemory(vm, options, std::move(private_file),
                                                        std::move(shared_file), std::move(shared),
                                                        std::move(guard)));
    RVMM_CHECK(memory->add_slot());
    if (options.attributes == AttributesOn::kVm)
        RVMM_CHECK(memory->set_attributes({0, size}, State::kPrivate));
    return memory;
}

Result<> GuestMemory::add_slot() {
    abi::UserMemoryRegion2 region = {};
    region.flags = abi::kMemGuestMemfd;
    region.guest_phys_addr = options_.ram.base().value;
    region.memory_size = options_.ram.size();
    region.userspace_addr = reinterpret_cast<std::uintptr_t>(shared_.data());
    region.guest_memfd = static_cast<std::uint32_t>(private_file_.get());
    if (const long rc = vm_.call(abi::kSetUserMemoryRegion2, &region); rc < 0)
        return fail_errno(Stage::kLaunch, static_cast<int>(-rc),
                          "cannot give the realm {} bytes of memory at {:#x}", options_.ram.size(),
                          options_.ram.base().value);
    return {};
}

long GuestMemory::set_attributes_once(Run run, State to, std::uint64_t& failed_at) {
    const std::uint64_t attributes = to == State::kPrivate ? abi::kAttributePrivate : 0;
    if (options_.attributes == AttributesOn::kVm) {
        abi::MemoryAttributes record = {.address = ipa_of(run.begin).value,
                                        .size = run.end - run.begin,
                                        .attributes = attributes,
                                        .flags = 0};
        return vm_.call(abi::kSetMemoryAttributes, &record);
    }
    abi::MemoryAttributes2 record = {.offset = run.begin,
                                     .size = run.end - run.begin,
                                     .attributes = attributes,
                                     .flags = 0,
                                     .error_offset = run.begin,
                                     .reserved = {}};
    const long rc = vm_.driver().ioctl(private_file_.get(), abi::kSetMemoryAttributes2,
                                       reinterpret_cast<std::uintptr_t>(&record));
    failed_at = record.error_offset;
    return rc;
}

Result<> GuestMemory::set_attributes(Run run, State to) {
    std::uint64_t failed_at = run.begin;
    long rc = 0;
    for (int tries = 0; tries < kMostRetries; ++tries) {
        rc = set_attributes_once(run, to, failed_at);
        if (rc != -EAGAIN && rc != -EINTR) break;
        // EAGAIN: somebody still holds a page of the range for I/O of theirs.
        if (rc == -EAGAIN) std::this_thread::sleep_for(kRetryPause);
    }
    if (rc >= 0) return {};
    return fail_errno(Stage::kLaunch, static_cast<int>(-rc),
                      "cannot make {} bytes at {:#x} {} (stopped at {:#x})", run.end - run.begin,
                      ipa_of(run.begin).value, to == State::kPrivate ? "private" : "shared",
                      ipa_of(failed_at).value);
}

Result<> GuestMemory::punch(const UniqueFd& file, Run run, std::string_view half) {
    const int rc = vm_.driver().punch_hole(file.get(), run.begin, run.end - run.begin);
    if (rc < 0)
        return fail_errno(Stage::kLaunch, -rc, "cannot drop {} bytes of {} memory at {:#x}",
                          run.end - run.begin, half, ipa_of(run.begin).value);
    return {};
}

Result<> GuestMemory::to_shared(Run run) {
    if (options_.attributes == AttributesOn::kVm) {
        // The attribute takes the pages away from the realm; only then are they ours to drop.
        RVMM_CHECK(set_attributes(run, State::kShared));
        RVMM_CHECK(punch(private_file_, run, "private"));
    } else {
        // The other way round: dropping pages takes them away from the realm only while they are
        // still private; afterwards it would free pages that the RMM owns.
        RVMM_CHECK(punch(private_file_, run, "private"));
        RVMM_CHECK(set_attributes(run, State::kShared));
    }
    shared_runs_.add(run);
    return {};
}

Result<> GuestMemory::to_private(Run run) {
    shared_runs_.remove(run);
    RVMM_CHECK(set_attributes(run, State::kPrivate));
    return punch(shared_file_, run, "shared");
}

Result<std::uint64_t> GuestMemory::convert(IpaRange range, State to) {
    const IpaRange pages = options_.ram.intersect(range);
    if (pages.empty()) return 0;
    if (!is_aligned(pages.base().value | pages.size(), options_.page_size))
        return fail(Stage::kGuest,
                    "the realm asked for another state of {} bytes at {:#x}, which "
                    "are no whole pages",
                    pages.size(), pages.base().value);
    std::optional<LeaseTable::Exclusion> exclusion;
    if (to == State::kPrivate) {
        RVMM_TRY(auto excluded, leases_.exclude(pages));
        exclusion.emplace(std::move(excluded));
    }
    const std::lock_guard lock(mutex_);
    const std::uint64_t begin = pages.base() - options_.ram.base();
    const Run whole = {begin, begin + pages.size()};
    const auto parts =
        to == State::kShared ? shared_runs_.parts_out(whole) : shared_runs_.parts_in(whole);
    std::uint64_t changed = 0;
    for (const Run& part : parts) {
        RVMM_CHECK(to == State::kShared ? to_shared(part) : to_private(part));
        changed += part.end - part.begin;
    }
    counters_.converted_bytes += changed;
    if (changed != 0) ++counters_.conversions;
    return changed;
}

Result<> GuestMemory::stage(Ipa ipa, ByteSpan bytes) {
    const auto range = IpaRange::make(ipa, bytes.size());
    if (!range || !options_.ram.contains(*range))
        return fail(Stage::kInternal, "{} bytes at {:#x} are not in RAM", bytes.size(), ipa.value);
    // By the file and not by the mapping: no page of it is touched by us, or filled with zeros
    // first.
    auto offset = static_cast<off_t>(ipa - options_.ram.base());
    while (!bytes.empty()) {
        const ssize_t n = ::pwrite(shared_file_.get(), bytes.data(), bytes.size(), offset);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0)
            return fail_errno(Stage::kLaunch, n < 0 ? errno : EIO,
                              "cannot put {} bytes where they are populated from", bytes.size());
        bytes = bytes.subspan(static_cast<std::size_t>(n));
        offset += n;
    }
    return {};
}

int GuestMemory::drop_staged(Ipa ipa, std::uint64_t size) {
    return -vm_.driver().punch_hole(shared_file_.get(), ipa - options_.ram.base(), size);
}

Result<std::byte*> GuestMemory::host(Ipa ipa, std::uint64_t size) {
    const Ipa plain{ipa.value & ~options_.shared_bit};
    const auto range = IpaRange::make(plain, size);
    if (!range || !options_.ram.contains(*range))
        return fail(Stage::kGuest, "{} bytes at {:#x} are not in RAM", size, ipa.value);
    const std::uint64_t offset = plain - options_.ram.base();
    if (!shared_runs_.contains_all({offset, offset + size})) {
        ++counters_.refused_accesses;
        return fail(Stage::kGuest, "{} bytes at {:#x} are not all shared", size, ipa.value);
    }
    return shared_.data() + offset;
}

Result<> GuestMemory::read(Ipa ipa, MutableByteSpan out) {
    const std::lock_guard lock(mutex_);
    RVMM_TRY(const std::byte* from, host(ipa, out.size()));
    std::memcpy(out.data(), from, out.size());
    return {};
}

Result<> GuestMemory::write(Ipa ipa, ByteSpan bytes) {
    const std::lock_guard lock(mutex_);
    RVMM_TRY(std::byte * to, host(ipa, bytes.size()));
    std::memcpy(to, bytes.data(), bytes.size());
    return {};
}

Result<devices::Lease> GuestMemory::lease(Ipa ipa, std::uint64_t size, devices::Access access,
                                          std::string_view holder) {
    const std::lock_guard lock(mutex_);
    RVMM_TRY(std::byte * at, host(ipa, size));
    const auto range = IpaRange::make(Ipa{ipa.value & ~options_.shared_bit}, size);
    return leases_.take(*range, at, access, holder);
}

GuestMemory::Counters GuestMemory::counters() const {
    const std::lock_guard lock(mutex_);
    Counters counters = counters_;
    counters.shared_bytes = shared_runs_.total();
    return counters;
}

}  // namespace rvmm::vmm::cca
