#include "devices/virtio/rng.hpp"

#include <array>
#include <cerrno>
#include <utility>

#include <sys/random.h>

namespace rvmm::devices::virtio {
namespace {

// Short: a turn fills as many requests as the queue has entries.
constexpr std::array<std::uint16_t, 1> kRngQueues = {8};

}  // namespace

std::size_t Rng::system_source(MutableByteSpan bytes) {
    ssize_t got = 0;
    do {
        got = getrandom(bytes.data(), bytes.size(), GRND_NONBLOCK);
    } while (got < 0 && errno == EINTR);
    return got > 0 ? static_cast<std::size_t>(got) : 0;
}

Rng::Rng(std::string name, Source source) : name_(std::move(name)), source_(std::move(source)) {}

std::span<const std::uint16_t> Rng::queue_sizes() const {
    return kRngQueues;
}

void Rng::start(Session& session) {
    session_ = &session;
    failed_ = false;
}

void Rng::notify(unsigned queue) {
    session_->queue(queue)->serve([this](const Chain& chain) { return serve(chain); });
}

void Rng::stop(std::function<void()> stopped) {
    session_ = nullptr;
    stopped();
}

std::optional<std::uint32_t> Rng::serve(const Chain& chain) {
    if (failed_) return {};
    if (chain.readable_size() > 0) {
        fail({Stage::kGuest,
              fmt::format("{}: a request with {} bytes to read", name_, chain.readable_size())});
        return {};
    }
    const std::uint32_t written = fill(chain);
    if (written == 0) {
        fail({Stage::kInternal, fmt::format("{}: the host has no random bytes", name_)});
        return {};
    }
    ++requests_;
    bytes_ += written;
    return written;
}

std::uint32_t Rng::fill(const Chain& chain) {
    std::size_t filled = 0;
    for (const Lease& part : chain.writable()) {
        MutableByteSpan bytes = part.bytes();
        bytes = bytes.first(std::min(bytes.size(), kMaxRequest - filled));
        while (!bytes.empty()) {
            const std::size_t got = source_(bytes);
            if (got == 0) return static_cast<std::uint32_t>(filled);
            filled += got;
            bytes = bytes.subspan(got);
        }
    }
    return static_cast<std::uint32_t>(filled);
}

void Rng::fail(const Error& error) {
    failed_ = true;
    session_->fail(error);
}

std::vector<Counter> Rng::counters() const {
    return {{"requests", requests_}, {"bytes", bytes_}};
}

}  // namespace rvmm::devices::virtio
