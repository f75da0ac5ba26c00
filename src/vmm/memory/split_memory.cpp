#include "vmm/memory/split_memory.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace rvmm::vmm {
namespace {

Result<UniqueFd> make_file(const char* name, std::uint64_t size) {
    UniqueFd file(::memfd_create(name, MFD_CLOEXEC));
    if (!file) return fail_errno(Stage::kLaunch, errno, "cannot make guest memory");
    if (::ftruncate(file.get(), static_cast<off_t>(size)) != 0)
        return fail_errno(Stage::kLaunch, errno, "cannot make {} bytes of guest memory", size);
    return file;
}

}  // namespace

SplitMemory::SplitMemory(IpaRange ram, std::uint64_t shared_bit, std::size_t run_limit,
                         UniqueFd trusted_file, UniqueFd open_file, Mapping trusted, Mapping open)
    : ram_(ram),
      shared_bit_(shared_bit),
      run_limit_(run_limit),
      trusted_file_(std::move(trusted_file)),
      open_file_(std::move(open_file)),
      trusted_(std::move(trusted)),
      open_(std::move(open)) {}

Result<std::unique_ptr<SplitMemory>> SplitMemory::create(IpaRange ram, std::uint64_t shared_bit,
                                                         std::size_t run_limit) {
    constexpr int kProtection = PROT_READ | PROT_WRITE;
    constexpr int kFlags = MAP_SHARED | MAP_NORESERVE;
    RVMM_TRY(auto trusted_file, make_file("rvmm-private", ram.size()));
    RVMM_TRY(auto open_file, make_file("rvmm-shared", ram.size()));
    RVMM_TRY(auto trusted, Mapping::create("private guest memory", ram.size(), kProtection, kFlags,
                                           trusted_file.get()));
    RVMM_TRY(auto open, Mapping::create("shared guest memory", ram.size(), kProtection, kFlags,
                                        open_file.get()));
    return std::unique_ptr<SplitMemory>(
        new SplitMemory(ram, shared_bit, run_limit, std::move(trusted_file), std::move(open_file),
                        std::move(trusted), std::move(open)));
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
    const bool inside = shared ? empty_.contains_all(run) : empty_.parts_in(run).empty();
    if (!inside) {
        ++counters_.refused_accesses;
        return fail(Stage::kGuest, "{} bytes at {:#x} are not all {}", size, ipa.value,
                    shared ? "shared" : "private");
    }
    return (shared ? open_ : trusted_).data() + offset;
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

Result<> SplitMemory::convert(IpaRange range, realm::Ripas to) {
    if (!ram_.contains(range) || !is_aligned(range.base().value | range.size(), kPageSize4K))
        return fail(Stage::kInternal, "conversion of {} bytes at {:#x} is not in RAM", range.size(),
                    range.base().value);
    const std::lock_guard lock(mutex_);
    const std::uint64_t begin = range.base() - ram_.base();
    const Run whole = {begin, begin + range.size()};
    const bool share = to == realm::Ripas::kEmpty;
    const auto parts = share ? empty_.parts_out(whole) : empty_.parts_in(whole);
    for (const Run& part : parts) {
        RVMM_CHECK(share ? to_empty(part) : to_ram(part));
        counters_.converted_bytes += part.end - part.begin;
    }
    if (!parts.empty()) ++counters_.conversions;
    return {};
}

Result<> SplitMemory::to_empty(Run run) {
    const bool joins = shown_.run_at(run.end).has_value() ||
                       (run.begin > 0 && shown_.run_at(run.begin - 1).has_value());
    if (joins || shown_.run_count() < run_limit_) {
        RVMM_CHECK(show(run, open_file_.get()));
        shown_.add(run);
    }
    empty_.add(run);
    // Only now: a vCPU that still wrote to the private page has lost its way to it.
    return scrub(trusted_file_.get(), run);
}

Result<> SplitMemory::to_ram(Run run) {
    RVMM_CHECK(scrub(open_file_.get(), run));
    // Where the plain address kept the private file the guest may have written to it.
    RVMM_CHECK(scrub(trusted_file_.get(), run));
    for (const Run& part : shown_.parts_in(run)) {
        const Run holder = *shown_.run_at(part.begin);
        Run hidden = part;
        const bool splits = holder.begin < part.begin && part.end < holder.end;
        if (splits && shown_.run_count() >= run_limit_) {
            // One run would become two: give up the smaller rest, so that large areas (ITS
            // tables among them) stay.
            if (part.begin - holder.begin < holder.end - part.end)
                hidden.begin = holder.begin;
            else
                hidden.end = holder.end;
        }
        RVMM_CHECK(show(hidden, trusted_file_.get()));
        shown_.remove(hidden);
    }
    empty_.remove(run);
    return {};
}

Result<> SplitMemory::show(Run run, int file) {
    void* const at = trusted_.data() + run.begin;
    if (::mmap(at, run.end - run.begin, PROT_READ | PROT_WRITE,
               MAP_SHARED | MAP_NORESERVE | MAP_FIXED, file,
               static_cast<off_t>(run.begin)) == MAP_FAILED)
        return fail_errno(Stage::kLaunch, errno, "cannot remap guest memory");
    return {};
}

Result<> SplitMemory::scrub(int file, Run run) {
    if (::fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(run.begin),
                    static_cast<off_t>(run.end - run.begin)) != 0)
        return fail_errno(Stage::kLaunch, errno, "cannot scrub guest memory");
    return {};
}

SplitMemory::Counters SplitMemory::counters() const {
    const std::lock_guard lock(mutex_);
    Counters counters = counters_;
    counters.mapped_runs = shown_.run_count();
    return counters;
}

}  // namespace rvmm::vmm
