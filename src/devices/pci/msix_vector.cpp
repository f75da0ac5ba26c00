#include "devices/pci/msix_vector.hpp"

namespace rvmm::devices::pci {

Result<std::unique_ptr<MsixVector>> MsixVector::create(Wiring& wiring, std::string_view name) {
    RVMM_TRY(auto event, Event::create(name));
    RVMM_TRY(const std::uint32_t number, wiring.connect_message(event.fd()));
    return std::unique_ptr<MsixVector>(new MsixVector(wiring, std::move(event), number));
}

void MsixVector::raise() {
    while (true) {
        std::uint64_t seen = state_.load();
        if ((seen & kOpen) != 0) {
            event_.raise();
            if (state_.load() / kClosedOnce == seen / kClosedOnce) return;
        } else if (state_.compare_exchange_weak(seen, seen | kPending)) {
            return;
        }
    }
}

Result<> MsixVector::set_message(const std::optional<Message>& message) {
    if (message == message_) return {};
    if (!message) close();
    auto set = wiring_.set_message(number_, message);
    message_ = message;
    if (set && message) {
        open();
    } else if (!set && message) {
        close();
        message_.reset();
        static_cast<void>(wiring_.set_message(number_, {}));
    }
    return set;
}

void MsixVector::open() {
    std::uint64_t seen = state_.load();
    while (!state_.compare_exchange_weak(seen, (seen | kOpen) & ~kPending)) {
    }
    if ((seen & kPending) != 0) event_.raise();
}

void MsixVector::close() {
    if ((state_.load() & kOpen) != 0) state_ += kClosedOnce - kOpen;
}

}  // namespace rvmm::devices::pci
