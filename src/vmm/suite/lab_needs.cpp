#include "vmm/suite/lab_needs.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

#include "base/address.hpp"
#include "vmm/lab/lab_machine.hpp"

namespace rvmm::vmm::suite {
namespace {

using std::chrono::nanoseconds;

constexpr std::uint64_t kLeastSuiteLab = 3ULL << 30;   // bytes, as for one run
constexpr std::uint64_t kSuiteLabItself = 1ULL << 30;  // bytes: kernel, root, QEMU's own part
constexpr nanoseconds kSlack = std::chrono::seconds(60);
constexpr nanoseconds kMostSuiteTime = std::chrono::hours(366 * 24);

}  // namespace

std::uint64_t suite_lab_memory(std::vector<std::uint64_t> guests, std::size_t at_once,
                               const std::vector<lab::LabFile>& files) {
    std::ranges::sort(guests, std::greater());
    guests.resize(std::min(guests.size(), at_once));
    std::uint64_t bytes = std::accumulate(guests.begin(), guests.end(), std::uint64_t{0});
    for (const lab::LabFile& file : files) bytes += file.content->size();
    return align_down(std::clamp(2 * bytes + kSuiteLabItself, kLeastSuiteLab, lab::kMostLabMemory),
                      lab::kLabMemoryStep);
}

nanoseconds suite_lab_time(const std::vector<CaseCommand>& commands, std::size_t at_once) {
    nanoseconds all{0};
    nanoseconds longest{0};
    for (const CaseCommand& command : commands) {
        const nanoseconds limit = std::min(command.limit, kMostSuiteTime) + 2 * CaseProcess::kGrace;
        all += limit / static_cast<std::int64_t>(at_once);
        longest = std::max(longest, limit);
        if (all > kMostSuiteTime) break;
    }
    return std::min(all + longest + kSlack, kMostSuiteTime);
}

}  // namespace rvmm::vmm::suite
