#include "devices/pl031.hpp"

#include <algorithm>
#include <utility>

#include <asio/post.hpp>

#include "devices/primecell.hpp"

namespace rvmm::devices {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

enum RtcRegister : std::uint64_t {
    kRtcData = 0x000,
    kRtcMatch = 0x004,
    kRtcLoad = 0x008,
    kRtcControl = 0x00c,
    kRtcMask = 0x010,
    kRtcRawStatus = 0x014,
    kRtcMaskedStatus = 0x018,
    kRtcClear = 0x01c,
};
constexpr std::uint32_t kRtcPart = 0x031;
constexpr std::uint32_t kRtcEnabled = 1;
constexpr std::uint32_t kRtcInterrupt = 1;
// The host's clock may be set while an alarm waits, which is then seen this much later at most.
constexpr nanoseconds kLongestWait = seconds(60);
constexpr nanoseconds kShortestWait = std::chrono::milliseconds(1);

bool is_word(std::uint64_t offset, std::size_t size) {
    return size == sizeof(std::uint32_t) && offset % sizeof(std::uint32_t) == 0;
}

}  // namespace

std::shared_ptr<Pl031> Pl031::create(asio::io_context& loop, InterruptLine interrupt, Clock clock) {
    return std::shared_ptr<Pl031>(new Pl031(loop, std::move(interrupt), std::move(clock)));
}

Pl031::Pl031(asio::io_context& loop, InterruptLine interrupt, Clock clock)
    : loop_(loop),
      timer_(loop),
      interrupt_(std::move(interrupt)),
      clock_(std::move(clock)),
      seen_(count()) {}

void Pl031::read(std::uint64_t offset, MutableByteSpan data) {
    std::ranges::fill(data, std::byte{0});
    if (!is_word(offset, data.size())) return;
    const std::lock_guard lock(mutex_);
    look();
    store_le(data, read_register(offset));
}

void Pl031::write(std::uint64_t offset, ByteSpan data) {
    if (!is_word(offset, data.size())) return;
    const std::lock_guard lock(mutex_);
    look();
    write_register(offset, load_le<std::uint32_t>(data));
    update_interrupt();
    if (alarm_is_set()) ask_to_arm();
}

std::uint32_t Pl031::count() const {
    const auto since = std::chrono::floor<seconds>(clock_()).time_since_epoch();
    return static_cast<std::uint32_t>(since.count()) + offset_;
}

std::uint32_t Pl031::read_register(std::uint64_t offset) const {
    switch (offset) {
        case kRtcData:
            return seen_;
        case kRtcMatch:
            return match_;
        case kRtcLoad:
            return load_;
        case kRtcControl:
            return kRtcEnabled;
        case kRtcMask:
            return enabled_ ? kRtcInterrupt : 0;
        case kRtcRawStatus:
            return raised_ ? kRtcInterrupt : 0;
        case kRtcMaskedStatus:
            return raised_ && enabled_ ? kRtcInterrupt : 0;
        default:
            return offset >= kPrimecellIds && offset < kPrimecellEnd
                       ? primecell_id(kRtcPart, offset)
                       : 0;
    }
}

void Pl031::write_register(std::uint64_t offset, std::uint32_t value) {
    switch (offset) {
        case kRtcMatch:
            match_ = value;
            if (match_ == seen_) raised_ = true;
            break;
        case kRtcLoad:
            load_ = value;
            offset_ += value - seen_;
            seen_ = value;
            if (match_ == seen_) raised_ = true;
            break;
        case kRtcMask:
            enabled_ = (value & kRtcInterrupt) != 0;
            break;
        case kRtcClear:
            if ((value & kRtcInterrupt) != 0) raised_ = false;
            break;
        default:
            break;  // it always counts: the control register cannot stop it
    }
}

/// Compares all that was counted since the last look.
void Pl031::look() {
    const std::uint32_t now = count();
    const std::uint32_t passed = now - seen_;
    // More than half the range: the host's clock was set back, and passes nothing.
    const bool forward = passed <= INT32_MAX;
    const std::uint32_t ahead = match_ - seen_;
    if (forward ? ahead > 0 && ahead <= passed : now == match_) raised_ = true;
    seen_ = now;
    update_interrupt();
}

void Pl031::update_interrupt() {
    const bool level = raised_ && enabled_;
    if (level == line_) return;
    line_ = level;
    interrupt_(level);
}

nanoseconds Pl031::until_match() const {
    const auto now = clock_();
    const nanoseconds into_second = now - std::chrono::floor<seconds>(now);
    const nanoseconds left = seconds(std::uint32_t{match_ - seen_}) - into_second;
    return std::clamp(left, kShortestWait, kLongestWait);
}

void Pl031::ask_to_arm() {
    if (std::exchange(asked_to_arm_, true)) return;
    asio::post(loop_, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->arm();
    });
}

void Pl031::arm() {
    const std::lock_guard lock(mutex_);
    asked_to_arm_ = false;
    look();
    if (!alarm_is_set()) return;
    timer_.expires_after(until_match());
    timer_.async_wait([weak = weak_from_this()](const asio::error_code& error) {
        if (error) return;
        if (const auto self = weak.lock()) self->arm();
    });
}

}  // namespace rvmm::devices
