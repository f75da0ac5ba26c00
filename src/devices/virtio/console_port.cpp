#include "devices/virtio/console_port.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace rvmm::devices::virtio {
namespace {

// 256 KiB, or as many short chains: then others have their turn.
constexpr unsigned kPiecesPerTurn = 64;

}  // namespace

void ConsolePort::start(ReadyQueue* receive, ReadyQueue* transmit) {
    receive_ = receive;
    transmit_ = transmit;
}

void ConsolePort::stop() {
    receive_ = nullptr;
    transmit_ = nullptr;
    held_.reset();
    set_open(false);
}

Result<bool> ConsolePort::transmit() {
    if (transmit_ == nullptr) return false;
    auto visit = transmit_->visit();
    unsigned left = kPiecesPerTurn;
    do {
        visit.disarm();
        while (true) {
            RVMM_TRY(const bool more, next_output(visit));
            if (!more) break;
            if (left-- == 0) return true;
            if (!put_piece()) return false;  // until the sink has drained
            if (held_->done < held_->chain.readable_size()) continue;
            visit.complete(std::move(held_->chain), 0);
            held_.reset();
        }
    } while (visit.rearm());
    return false;
}

/// Whether there is output, which is held then.
Result<bool> ConsolePort::next_output(ReadyQueue::Visit& visit) {
    if (held_) return true;
    auto chain = visit.next();
    if (!chain) return false;
    if (chain->writable_size() > 0)
        return fail(Stage::kGuest, "output with {} bytes to write", chain->writable_size());
    held_.emplace(*std::move(chain));
    return true;
}

/// False if the sink has no room for the next piece of what is held.
bool ConsolePort::put_piece() {
    std::array<std::byte, kPiece> piece;
    const std::size_t size = held_->chain.read(held_->done, piece);
    if (!setup_.output->put(ByteSpan(piece).first(size))) return false;
    held_->done += size;
    bytes_out_ += size;
    return true;
}

Result<> ConsolePort::receive() {
    if (receive_ == nullptr) return {};
    {
        auto visit = receive_->visit();
        // Buffers that arrive while nothing waits are of no interest yet.
        visit.disarm();
        RVMM_CHECK(fill_buffers(visit));
    }
    if (open_ && input_.size() <= kInputLimit / 2) ask_for_input();
    return {};
}

Result<> ConsolePort::fill_buffers(ReadyQueue::Visit& visit) {
    std::size_t done = 0;
    while (done < input_.size()) {
        auto chain = visit.next();
        if (!chain) {
            if (visit.rearm()) continue;
            break;
        }
        if (chain->readable_size() > 0)
            return fail(Stage::kGuest, "a buffer for input with {} bytes to read",
                        chain->readable_size());
        const std::size_t written = chain->write(0, ByteSpan(input_).subspan(done));
        visit.complete(*std::move(chain), static_cast<std::uint32_t>(written));
        done += written;
    }
    input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(done));
    bytes_in_ += done;
    return {};
}

void ConsolePort::set_open(bool open) {
    open_ = open;
    if (open)
        ask_for_input();
    else
        input_.clear();
}

std::size_t ConsolePort::take_input(ByteSpan bytes) {
    const std::size_t room = open_ ? kInputLimit - input_.size() : 0;
    const ByteSpan taken = bytes.first(std::min(room, bytes.size()));
    input_.insert(input_.end(), taken.begin(), taken.end());
    input_refused_ = taken.size() < bytes.size();
    return taken.size();
}

void ConsolePort::ask_for_input() {
    if (!std::exchange(input_refused_, false)) return;
    if (input_wanted_) input_wanted_();
}

}  // namespace rvmm::devices::virtio
