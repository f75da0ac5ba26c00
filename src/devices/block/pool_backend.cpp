#include "devices/block/pool_backend.hpp"

#include <cerrno>

#include <asio/post.hpp>
#include <fcntl.h>
#include <unistd.h>

namespace rvmm::devices {
namespace {

std::int64_t make_call(int fd, const BlockRequest::Call& call) {
    using enum BlockRequest::Call::Kind;
    const auto offset = static_cast<off_t>(call.offset);
    const auto count = static_cast<int>(call.pieces.size());
    std::int64_t result = 0;
    switch (call.kind) {
        case kRead:
            result = ::preadv(fd, call.pieces.data(), count, offset);
            break;
        case kWrite:
            result = ::pwritev(fd, call.pieces.data(), count, offset);
            break;
        case kSync:
            result = ::fdatasync(fd);
            break;
        case kAllocate:
            result = ::fallocate(fd, call.mode, offset, static_cast<off_t>(call.length));
    }
    return result < 0 ? -errno : result;
}

}  // namespace

PoolBackend::PoolBackend(std::shared_ptr<const BlockFile> file, unsigned depth)
    : file_(std::move(file)), depth_(depth), threads_(kThreads) {}

Result<std::unique_ptr<BlockBackend>> PoolBackend::create(asio::io_context& loop,
                                                          std::shared_ptr<const BlockFile> file,
                                                          unsigned depth) {
    std::unique_ptr<PoolBackend> made(new PoolBackend(std::move(file), depth));
    RVMM_TRY(made->event_,
             LoopEvent::create(loop, "disk", [backend = made.get()] { backend->reap(); }));
    return made;
}

PoolBackend::~PoolBackend() {
    threads_.join();
}

BlockBackend::Shape PoolBackend::shape() const {
    return {.sectors = file_->sectors(), .read_only = file_->read_only(), .depth = depth_};
}

void PoolBackend::submit() {
    for (BlockRequest* request : queued_) asio::post(threads_, [this, request] { run(*request); });
    queued_.clear();
}

void PoolBackend::run(BlockRequest& request) {
    while (!request.took(make_call(file_->fd(), request.next_call()))) {
    }
    const std::lock_guard lock(mutex_);
    done_.push_back(&request);
    if (done_.size() == 1) event_->event().raise();
}

void PoolBackend::reap() {
    reaped_.clear();
    {
        const std::lock_guard lock(mutex_);
        reaped_.swap(done_);
    }
    if (!reaped_.empty()) client_->completed(reaped_);
}

}  // namespace rvmm::devices
