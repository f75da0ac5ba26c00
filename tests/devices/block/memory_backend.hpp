// A disk in memory, for tests and fuzzers of the device in front of it.
#pragma once

#include <cerrno>
#include <cstring>
#include <functional>
#include <vector>

#include "devices/block/backend.hpp"

namespace rvmm::devices {

/// Does what is submitted when the test calls run(), in the order in which it came.
class MemoryBackend final : public BlockBackend {
  public:
    MemoryBackend(std::uint64_t sectors, unsigned depth, bool read_only = false)
        : image(sectors * 512), shape_{sectors, read_only, depth} {}

    Shape shape() const override { return shape_; }
    std::string_view kind() const override { return "memory"; }
    void set_client(Client& client) override { client_ = &client; }
    void queue(BlockRequest& request) override { queued_.push_back(&request); }
    void submit() override {
        ++submits;
        submitted_.insert(submitted_.end(), queued_.begin(), queued_.end());
        queued_.clear();
    }

    std::size_t waiting() const { return submitted_.size(); }
    /// Does all that waits, and completes it at once.
    void run() {
        std::vector<BlockRequest*> now;
        now.swap(submitted_);
        for (BlockRequest* request : now)
            while (!request->took(perform(request->next_call()))) {
            }
        if (!now.empty()) client_->completed(now);
    }

    Bytes image;
    /// What a call gives instead of being made, if it is something.
    std::function<std::int64_t(const BlockRequest::Call&)> instead;
    unsigned submits = 0;
    unsigned syncs = 0;
    unsigned allocates = 0;

  private:
    std::int64_t perform(const BlockRequest::Call& call) {
        using enum BlockRequest::Call::Kind;
        if (instead)
            if (const auto result = instead(call); result != 0) return result;
        if (call.kind == kSync) return ++syncs, 0;
        if (call.offset > image.size() || call.length > image.size() - call.offset) std::abort();
        std::byte* at = image.data() + call.offset;
        if (call.kind == kAllocate) {
            ++allocates;
            std::memset(at, 0, call.length);
            return 0;
        }
        std::int64_t moved = 0;
        for (const iovec& piece : call.pieces) {
            if (call.kind == kRead)
                std::memcpy(piece.iov_base, at + moved, piece.iov_len);
            else
                std::memcpy(at + moved, piece.iov_base, piece.iov_len);
            moved += static_cast<std::int64_t>(piece.iov_len);
        }
        return moved;
    }

    Shape shape_;
    Client* client_ = nullptr;
    std::vector<BlockRequest*> queued_;
    std::vector<BlockRequest*> submitted_;
};

}  // namespace rvmm::devices
