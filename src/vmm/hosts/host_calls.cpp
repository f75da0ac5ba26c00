#include "vmm/hosts/host_calls.hpp"

#include <algorithm>

#include "rmi/rsi.hpp"

namespace rvmm::vmm {
namespace {

constexpr auto kSuccess = std::uint64_t{0};
constexpr auto kNotSupported = static_cast<std::uint64_t>(-1);
constexpr auto kInvalidArgument = static_cast<std::uint64_t>(-2);
constexpr auto kTryAgain = static_cast<std::uint64_t>(-3);
constexpr auto kNothingWanted = static_cast<std::uint64_t>(-4);
constexpr std::uint64_t kVersion = 0x1'0001;
constexpr std::uint64_t kMaxPrint = 4096;
constexpr std::uint64_t kMaxStatus = static_cast<std::uint64_t>(ExitCode::kGuestStatusMax);

}  // namespace

std::span<const kvm::SmcccRange> host_call_ranges() {
    static constexpr std::array<kvm::SmcccRange, 1> kRanges = {
        {{kHostCallVersion, kHostCallCount}}};
    return kRanges;
}

std::uint64_t HostCalls::print(std::uint64_t address, std::uint64_t length) {
    if (length > kMaxPrint) return kInvalidArgument;
    std::array<std::byte, kMaxPrint> text;
    const MutableByteSpan used(text.data(), length);
    if (!memory_.read(Ipa{address}, used)) return kInvalidArgument;
    return console_.put(used) ? kSuccess : kTryAgain;
}

std::uint64_t HostCalls::token_wanted(std::array<std::uint64_t, 31>& gprs) const {
    if (tokens_ == nullptr) return kNothingWanted;
    const ByteSpan challenge = tokens_->challenge();
    for (std::size_t i = 0; i < challenge.size() / 8; ++i)
        gprs[1 + i] = load_le<std::uint64_t>(challenge.subspan(8 * i));
    return kSuccess;
}

std::uint64_t HostCalls::give_token(std::uint64_t address, std::uint64_t length) {
    if (tokens_ == nullptr) return kNothingWanted;
    if (length == 0 || length > rmi::kRsiTokenMaxSize) return kInvalidArgument;
    Bytes token(length);
    if (!memory_.read(Ipa{address}, token)) return kInvalidArgument;
    return tokens_->give(token) ? kSuccess : kInvalidArgument;
}

CallReply HostCalls::call(std::array<std::uint64_t, 31>& gprs) {
    const std::uint64_t id = gprs[0];
    const std::uint64_t first = gprs[1];
    const std::uint64_t second = gprs[2];
    std::fill_n(gprs.begin(), 4, std::uint64_t{0});
    switch (id) {
        case kHostCallVersion:
            gprs[0] = kSuccess;
            gprs[1] = kVersion;
            return Answered{};
        case kHostCallPrint:
            gprs[0] = print(first, second);
            return Answered{};
        case kHostCallReady:
            return GuestReady{};
        case kHostCallTokenWanted:
            gprs[0] = token_wanted(gprs);
            return Answered{};
        case kHostCallTokenGive:
            gprs[0] = give_token(first, second);
            return Answered{};
        case kHostCallExit:
            if (first <= kMaxStatus)
                return RunOutcome{RunOutcome::Kind::kGuestStatus, static_cast<int>(first), {}};
            gprs[0] = kInvalidArgument;
            return Answered{};
        default:
            gprs[0] = kNotSupported;
            return Answered{};
    }
}

}  // namespace rvmm::vmm
