#include "vmm/memory/split_memory.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace rvmm::vmm {
namespace {

constexpr const char* kTaken = "the host has taken it away";

Result<UniqueFd> make_file(const char* name, std::uint64_t size) {
    UniqueFd file(::memfd_create(name, MFD_CLOEXEC));
    if (!file) return fail_errno(Stage::kLaunch, errno, "cannot make guest memory");
    if (::ftruncate(file.get(), static_cast<off_t>(size)) != 0)
        return fail_errno(Stage::kLaunch, errno, "cannot make {} bytes of guest memory", size);
    return file;
}

}  // namespace

SplitMemory::SplitMemory(IpaRange ram, std::uint64_t shared_bit, const Options& options,
                         UniqueFd trusted_file, UniqueFd open_file, Mapping trusted, Mapping open,
                         std::array<FaultGuard, 2> guards)
    : ram_(ram),
      shared_bit_(shared_bit),
      options_(options),
      trusted_file_(std::move(trusted_file)),
      open_file_(std::move(open_file)),
      trusted_(std::move(trusted)),
      open_(std::move(open)),
      guards_(std::move(guards)),
      leases_(options.patience) {}

Result<std::unique_ptr<SplitMemory>> SplitMemory::create(IpaRange ram, std::uint64_t shared_bit,
                                                         const Options& options) {
    if (!is_aligned(ram.base().value | ram.size(), options.host_page))
        return fail(Stage::kInternal, "RAM is not whole pages of {} bytes", options.host_page);
    constexpr int kProtection = PROT_READ | PROT_WRITE;
    constexpr int kFlags = MAP_SHARED | MAP_NORESERVE;
    RVMM_TRY(auto trusted_file, make_file("rvmm-private", ram.size()));
    RVMM_TRY(auto open_file, make_file("rvmm-shared", ram.size()));
    RVMM_TRY(auto trusted, Mapping::create("private guest memory", ram.size(), kProtection, kFlags,
                                           trusted_file.get()));
    RVMM_TRY(auto open, Mapping::create("shared guest memory", ram.size(), kProtection, kFlags,
                                        open_file.get()));
    RVMM_TRY(auto trusted_guard,
             FaultGuard::create_fatal({trusted.data(), trusted.size()}, ram.base().value, kTaken));
    RVMM_TRY(auto open_guard, FaultGuard::create_fatal({open.data(), open.size()},
                                                       ram.base().value | shared_bit, kTaken));
    return std::unique_ptr<SplitMemory>(new SplitMemory(
        ram, shared_bit, options, std::move(trusted_file), std::move(open_file), std::move(trusted),
        std::move(open), {std::move(trusted_guard), std::move(open_guard)}));
}

std::size_t SplitMemory::default_run_limit() {
    constexpr std::size_t kMost = 12'288;
    std::size_t mappings = 0;
    std::ifstream("/proc/sys/vm/max_map_count") >> mappings;
    return mappings == 0 ? kMost : std::min(kMost, mappings / 5);
}

std::vector<MemorySlot> SplitMemory::slots() const {
    return {{ram_, trusted_.data()},
            {*IpaRange::make(Ipa{ram_.base().value | shared_bit_}, ram_.size()), open_.data()}};
}

Result<> SplitMemory::load(Ipa ipa, ByteSpan bytes) {
    if (sealed_) return fail(Stage::kInternal, "private memory is loaded after the launch");
    const auto range = IpaRange::make(ipa, bytes.size());
    if (!range || !ram_.contains(*range))
        return fail(Stage::kInternal, "{} bytes at {:#x} are not in RAM", bytes.size(), ipa.value);
    std::memcpy(trusted_.data() + (ipa - ram_.base()), bytes.data(), bytes.size());
    return {};
}

Result<std::byte*> SplitMemory::host(Ipa ipa, std::size_t size, bool shared) {
    const Ipa plain{shared ? ipa.value & ~shared_bit_ : ipa.value};
    const auto range = IpaRange::make(plain, size);
    if (!range || !ram_.contains(*range))
        return fail(Stage::kGuest, "{} bytes at {:#x} are not in RAM", size, ipa.value);
    const std::uint64_t offset = plain - ram_.base();
    const Run run = {offset, offset + size};
    if (!all_in_half(run, shared)) {
        ++counters_.refused_accesses;
        return fail(Stage::kGuest, "{} bytes at {:#x} are not all {}", size, ipa.value,
                    shared ? "shared" : "private");
    }
    return (shared ? open_ : trusted_).data() + offset;
}

bool SplitMemory::all_in_half(Run run, bool shared) const {
    return shared ? empty_.contains_all(run) : empty_.parts_in(run).empty();
}

Result<> SplitMemory::View::read(Ipa ipa, MutableByteSpan out) {
    const std::lock_guard lock(memory_.mutex_);
    RVMM_TRY(const std::byte* from, memory_.host(ipa, out.size(), shared_));
    std::memcpy(out.data(), from, out.size());
    return {};
}

Result<> SplitMemory::View::write(Ipa ipa, ByteSpan bytes) {
    const std::lock_guard lock(memory_.mutex_);
    RVMM_TRY(std::byte * to, memory_.host(ipa, bytes.size(), shared_));
    std::memcpy(to, bytes.data(), bytes.size());
    return {};
}

Result<devices::Lease> SplitMemory::View::lease(Ipa ipa, std::uint64_t size, devices::Access access,
                                                std::string_view holder) {
    const std::lock_guard lock(memory_.mutex_);
    RVMM_TRY(std::byte * bytes, memory_.host(ipa, size, shared_));
    const Ipa plain =
        memory_.ram_.base() + static_cast<std::uint64_t>(bytes - memory_.open_.data());
    return memory_.leases_.take(*IpaRange::make(plain, size), bytes, access, holder);
}

Result<> SplitMemory::convert(IpaRange range, realm::Ripas to) {
    if (!ram_.contains(range) || !is_aligned(range.base().value | range.size(), kPageSize4K))
        return fail(Stage::kInternal, "conversion of {} bytes at {:#x} is not in RAM", range.size(),
                    range.base().value);
    const bool share = to == realm::Ripas::kEmpty;
    std::optional<LeaseTable::Exclusion> exclusion;
    if (!share) {
        RVMM_TRY(auto excluded, exclude(range));
        exclusion.emplace(std::move(excluded));
    }
    const std::lock_guard lock(mutex_);
    const std::uint64_t begin = range.base() - ram_.base();
    const Run whole = {begin, begin + range.size()};
    const auto parts = share ? empty_.parts_out(whole) : empty_.parts_in(whole);
    for (const Run& part : parts) {
        RVMM_CHECK(share ? to_empty(part) : to_ram(part));
        counters_.converted_bytes += part.end - part.begin;
    }
    if (!parts.empty()) ++counters_.conversions;
    return {};
}

SplitMemory::Run SplitMemory::outward(Run run) const {
    return {align_down(run.begin, options_.host_page),
            align_down(run.end + options_.host_page - 1, options_.host_page)};
}

SplitMemory::Run SplitMemory::grown(Run run, bool shared) const {
    const Run out = outward(run);
    return {all_in_half({out.begin, run.begin}, shared) ? out.begin : run.begin,
            all_in_half({run.end, out.end}, shared) ? out.end : run.end};
}

Result<> SplitMemory::to_empty(Run run) {
    empty_.add(run);
    const Run all = grown(run, true);
    RVMM_CHECK(show_shared(all));
    // Only now: where the shared file is shown, a vCPU that still wrote to the private page has
    // lost its way to it. And not `run` alone, so that a host page that is EMPTY as a whole is
    // given back.
    return scrub(trusted_file_.get(), all);
}

Result<> SplitMemory::to_ram(Run run) {
    // First the plain address loses its way to the shared file, then both files are scrubbed: the
    // guest may have written to the private one where that is what the plain address kept.
    RVMM_CHECK(hide_shared(outward(run)));
    empty_.remove(run);
    RVMM_CHECK(scrub(open_file_.get(), grown(run, false)));
    return scrub(trusted_file_.get(), run);
}

Result<> SplitMemory::show_shared(Run run) {
    const std::uint64_t page = options_.host_page;
    const Run whole = {align_down(run.begin + page - 1, page), align_down(run.end, page)};
    if (whole.begin >= whole.end) return {};
    const bool joins = shown_.run_at(whole.end).has_value() ||
                       (whole.begin > 0 && shown_.run_at(whole.begin - 1).has_value());
    if (!joins && shown_.run_count() >= options_.run_limit) return {};
    RVMM_CHECK(map(whole, open_file_.get()));
    shown_.add(whole);
    return {};
}

Result<> SplitMemory::hide_shared(Run run) {
    for (const Run& part : shown_.parts_in(run)) {
        const Run holder = *shown_.run_at(part.begin);
        Run hidden = part;
        const bool splits = holder.begin < part.begin && part.end < holder.end;
        if (splits && shown_.run_count() >= options_.run_limit) {
            // One run would become two: give up the smaller rest, so that large areas (ITS
            // tables among them) stay.
            if (part.begin - holder.begin < holder.end - part.end)
                hidden.begin = holder.begin;
            else
                hidden.end = holder.end;
        }
        RVMM_CHECK(map(hidden, trusted_file_.get()));
        shown_.remove(hidden);
    }
    return {};
}

Result<> SplitMemory::map(Run run, int file) {
    void* const at = trusted_.data() + run.begin;
    if (::mmap(at, run.end - run.begin, PROT_READ | PROT_WRITE,
               MAP_SHARED | MAP_NORESERVE | MAP_FIXED, file,
               static_cast<off_t>(run.begin)) == MAP_FAILED)
        return fail_errno(Stage::kLaunch, errno, "cannot remap guest memory");
    return {};
}

// Gives whole host pages back to the system; of others the kernel zeroes the bytes: fallocate(2).
Result<> SplitMemory::scrub(int file, Run run) {
    if (::fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(run.begin),
                    static_cast<off_t>(run.end - run.begin)) != 0)
        return fail_errno(Stage::kLaunch, errno, "cannot scrub guest memory");
    return {};
}

SplitMemory::Counters SplitMemory::counters() const {
    const std::lock_guard lock(mutex_);
    Counters counters = counters_;
    counters.shared_bytes = empty_.total();
    counters.mapped_runs = shown_.run_count();
    return counters;
}

}  // namespace rvmm::vmm
