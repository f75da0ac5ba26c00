// A kernel that devices are wired to, for tests and fuzzers: it keeps what it is told, and notes
// every call that a real one would have to refuse.
#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <sys/eventfd.h>

#include "base/bytes.hpp"
#include "devices/wiring.hpp"

namespace rvmm::devices {

class FakeWiring final : public Wiring {
  public:
    struct Bell {
        Doorbell doorbell;
        int event;
        friend bool operator==(const Bell&, const Bell&) = default;
    };

    Result<> add_doorbell(const Doorbell& doorbell, int event) override;
    Result<> remove_doorbell(const Doorbell& doorbell, int event) override;
    Result<> connect_spi(std::uint32_t spi, int event) override;
    Result<std::uint32_t> connect_message(int event) override;
    Result<> set_message(std::uint32_t number, const std::optional<Message>& message) override;

    /// A write of the guest: whether a doorbell took it.
    bool ring(Ipa address, ByteSpan data);
    /// Those that there are, by address.
    std::vector<Bell> doorbells() const;
    std::optional<Message> message(std::uint32_t number) const;
    std::size_t messages() const;
    /// The event that sends a message.
    int event(std::uint32_t number) const;
    /// What was sent since the last call. An event raised while it has no message is lost, as it is
    /// in a kernel.
    std::vector<Message> sent();
    /// Calls that broke the rules.
    std::vector<std::string> violations() const;
    /// From here on all is refused, as a kernel does that has no room, or nothing is.
    void refuse(bool refuses);

  private:
    struct Line {
        int event;
        std::optional<Message> message = {};
    };
    std::unexpected<Error> violation(std::string what);
    Result<> check(const Doorbell& doorbell, int event);
    bool wired(int event) const;
    void flush(const Line& line);

    mutable std::mutex mutex_;
    std::vector<Bell> doorbells_;
    std::map<std::uint32_t, int> spis_;
    std::vector<Line> lines_;
    std::vector<Message> sent_;
    std::vector<std::string> violations_;
    bool refuses_ = false;
};

inline std::unexpected<Error> FakeWiring::violation(std::string what) {
    violations_.push_back(what);
    return fail(Stage::kLaunch, "{}", what);
}

inline Result<> FakeWiring::check(const Doorbell& doorbell, int event) {
    const std::uint32_t size = doorbell.size;
    if (refuses_) return fail(Stage::kLaunch, "the kernel refuses");
    if (event < 0) return violation("a doorbell without an event");
    if (size != 1 && size != 2 && size != 4 && size != 8)
        return violation(fmt::format("a doorbell of {} bytes", size));
    if (!IpaRange::make(doorbell.address, size)) return violation("a doorbell that wraps");
    if (doorbell.value && size < 8 && *doorbell.value >> (8 * size) != 0)
        return violation("a doorbell's value is larger than it");
    return {};
}

inline Result<> FakeWiring::add_doorbell(const Doorbell& doorbell, int event) {
    const std::lock_guard lock(mutex_);
    RVMM_CHECK(check(doorbell, event));
    for (const auto& [other, _] : doorbells_)
        if (other.address == doorbell.address && other.size == doorbell.size &&
            (!other.value || !doorbell.value || other.value == doorbell.value))
            return violation(fmt::format("two doorbells at {:#x}", doorbell.address.value));
    doorbells_.push_back({doorbell, event});
    return {};
}

inline Result<> FakeWiring::remove_doorbell(const Doorbell& doorbell, int event) {
    const std::lock_guard lock(mutex_);
    RVMM_CHECK(check(doorbell, event));
    const auto found = std::ranges::find(doorbells_, Bell{doorbell, event});
    if (found == doorbells_.end())
        return violation(fmt::format("no such doorbell at {:#x}", doorbell.address.value));
    doorbells_.erase(found);
    return {};
}

inline bool FakeWiring::wired(int event) const {
    return std::ranges::any_of(lines_, [&](const Line& line) { return line.event == event; }) ||
           std::ranges::any_of(spis_, [&](const auto& spi) { return spi.second == event; });
}

inline Result<> FakeWiring::connect_spi(std::uint32_t spi, int event) {
    const std::lock_guard lock(mutex_);
    if (refuses_) return fail(Stage::kLaunch, "the kernel refuses");
    if (event < 0 || wired(event)) return violation("an interrupt's event, used twice");
    if (!spis_.emplace(spi, event).second) return violation(fmt::format("two of SPI {}", spi));
    return {};
}

inline Result<std::uint32_t> FakeWiring::connect_message(int event) {
    const std::lock_guard lock(mutex_);
    if (refuses_) return fail(Stage::kLaunch, "the kernel refuses");
    if (event < 0 || wired(event)) return violation("an interrupt's event, used twice");
    lines_.push_back({event});
    return static_cast<std::uint32_t>(lines_.size() - 1);
}

inline void FakeWiring::flush(const Line& line) {
    eventfd_t count = 0;
    if (::eventfd_read(line.event, &count) == 0 && line.message) sent_.push_back(*line.message);
}

inline Result<> FakeWiring::set_message(std::uint32_t number,
                                        const std::optional<Message>& message) {
    const std::lock_guard lock(mutex_);
    if (refuses_) return fail(Stage::kLaunch, "the kernel refuses");
    if (number >= lines_.size()) return violation(fmt::format("no message {}", number));
    flush(lines_[number]);
    lines_[number].message = message;
    return {};
}

inline bool FakeWiring::ring(Ipa address, ByteSpan data) {
    const std::lock_guard lock(mutex_);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < data.size(); ++i)
        value |= std::to_integer<std::uint64_t>(data[i]) << (8 * i);
    for (const auto& [doorbell, event] : doorbells_) {
        if (doorbell.address != address || doorbell.size != data.size()) continue;
        if (doorbell.value && *doorbell.value != value) continue;
        static_cast<void>(::eventfd_write(event, 1));
        return true;
    }
    return false;
}

inline std::vector<FakeWiring::Bell> FakeWiring::doorbells() const {
    const std::lock_guard lock(mutex_);
    auto sorted = doorbells_;
    std::ranges::sort(sorted, {}, [](const Bell& bell) { return bell.doorbell.address; });
    return sorted;
}

inline std::optional<Message> FakeWiring::message(std::uint32_t number) const {
    const std::lock_guard lock(mutex_);
    return number < lines_.size() ? lines_[number].message : std::nullopt;
}

inline std::size_t FakeWiring::messages() const {
    const std::lock_guard lock(mutex_);
    return lines_.size();
}

inline int FakeWiring::event(std::uint32_t number) const {
    const std::lock_guard lock(mutex_);
    return number < lines_.size() ? lines_[number].event : -1;
}

inline std::vector<Message> FakeWiring::sent() {
    const std::lock_guard lock(mutex_);
    for (const Line& line : lines_) flush(line);
    return std::exchange(sent_, {});
}

inline std::vector<std::string> FakeWiring::violations() const {
    const std::lock_guard lock(mutex_);
    return violations_;
}

inline void FakeWiring::refuse(bool refuses) {
    const std::lock_guard lock(mutex_);
    refuses_ = refuses;
}

}  // namespace rvmm::devices
