#include "devices/block/uring_backend.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <utility>

#include <liburing.h>

namespace rvmm::devices {
namespace {

// Bytes that the kernel may copy from its cache while the loop waits; more is for its own threads.
constexpr std::uint64_t kInlineLimit = 128 << 10;
constexpr auto kRetryAfter = std::chrono::milliseconds(1);

std::unexpected<Error> no_uring(int error_number) {
    return fail_errno(Stage::kHostCannot, error_number, "no io_uring");
}

bool can_all(io_uring& ring) {
    const std::unique_ptr<io_uring_probe, void (*)(io_uring_probe*)> probe(
        io_uring_get_probe_ring(&ring), io_uring_free_probe);
    return probe && std::ranges::all_of(
                        std::array{IORING_OP_READ, IORING_OP_WRITE, IORING_OP_READV,
                                   IORING_OP_WRITEV, IORING_OP_FSYNC, IORING_OP_FALLOCATE},
                        [&](int op) { return io_uring_opcode_supported(probe.get(), op) != 0; });
}

void fill_entry(io_uring_sqe& entry, int fd, const BlockRequest::Call& call) {
    using enum BlockRequest::Call::Kind;
    const auto count = static_cast<unsigned>(call.pieces.size());
    // One piece needs no look at an array.
    const iovec* one = count == 1 ? call.pieces.data() : nullptr;
    switch (call.kind) {
        case kRead:
            if (one != nullptr)
                io_uring_prep_read(&entry, fd, one->iov_base, static_cast<unsigned>(one->iov_len),
                                   call.offset);
            else
                io_uring_prep_readv(&entry, fd, call.pieces.data(), count, call.offset);
            break;
        case kWrite:
            if (one != nullptr)
                io_uring_prep_write(&entry, fd, one->iov_base, static_cast<unsigned>(one->iov_len),
                                    call.offset);
            else
                io_uring_prep_writev(&entry, fd, call.pieces.data(), count, call.offset);
            break;
        case kSync:
            io_uring_prep_fsync(&entry, fd, IORING_FSYNC_DATASYNC);
            break;
        case kAllocate:
            io_uring_prep_fallocate(&entry, fd, call.mode, static_cast<off_t>(call.offset),
                                    static_cast<off_t>(call.length));
    }
}

}  // namespace

void UringBackend::Close::operator()(io_uring* ring) const {
    io_uring_queue_exit(ring);
    delete ring;  // NOLINT: io_uring has no destructor that would close it
}

Result<UringBackend::Ring> UringBackend::open_ring(unsigned depth) {
    auto made = std::make_unique<io_uring>();
    // COOP_TASKRUN (Linux 5.19): what is done interrupts nobody, it is seen at the next call.
    int error = io_uring_queue_init(depth, made.get(), IORING_SETUP_COOP_TASKRUN);
    if (error == -EINVAL) error = io_uring_queue_init(depth, made.get(), 0);
    if (error < 0) return no_uring(-error);
    Ring ring(made.release());
    if (!can_all(*ring)) return no_uring(ENOSYS);
    return ring;
}

UringBackend::UringBackend(asio::io_context& loop, std::shared_ptr<const BlockFile> file, Ring ring,
                           unsigned depth)
    : file_(std::move(file)), ring_(std::move(ring)), retry_(loop), depth_(depth) {}

Result<std::unique_ptr<BlockBackend>> UringBackend::create(asio::io_context& loop,
                                                           std::shared_ptr<const BlockFile> file,
                                                           unsigned depth) {
    RVMM_TRY(auto ring, open_ring(depth));
    std::unique_ptr<UringBackend> made(
        new UringBackend(loop, std::move(file), std::move(ring), depth));
    RVMM_TRY(made->event_,
             LoopEvent::create(loop, "io_uring", [backend = made.get()] { backend->reap(); }));
    const int error = io_uring_register_eventfd(made->ring_.get(), made->event_->event().fd());
    if (error < 0) return no_uring(-error);
    return made;
}

UringBackend::~UringBackend() {
    client_ = nullptr;
    while (in_flight_ > 0) {
        const int error = io_uring_submit_and_wait(ring_.get(), 1);
        if (error < 0 && error != -EINTR && error != -EAGAIN && error != -EBUSY) break;
        static_cast<void>(harvest());
    }
}

BlockBackend::Shape UringBackend::shape() const {
    return {.sectors = file_->sectors(), .read_only = file_->read_only(), .depth = depth_};
}

void UringBackend::queue(BlockRequest& request) {
    assert(in_flight_ < depth_);
    ++in_flight_;
    prepare(request);
}

void UringBackend::prepare(BlockRequest& request) {
    // There is room: no more entries wait than requests are in flight, and the ring has `depth`.
    io_uring_sqe* entry = io_uring_get_sqe(ring_.get());
    assert(entry != nullptr);
    const BlockRequest::Call call = request.next_call();
    fill_entry(*entry, file_->fd(), call);
    if (call.length > kInlineLimit) io_uring_sqe_set_flags(entry, IOSQE_ASYNC);
    io_uring_sqe_set_data(entry, &request);
}

void UringBackend::push() {
    int error = 0;
    do {
        error = io_uring_submit(ring_.get());
    } while (error == -EINTR);
    // The kernel had no memory for all: they stay queued, and nothing else may come to wake us.
    if (io_uring_sq_ready(ring_.get()) == 0 || retrying_) return;
    retrying_ = true;
    retry_.expires_after(kRetryAfter);
    retry_.async_wait([this, alive = std::weak_ptr(alive_)](const asio::error_code& cancelled) {
        if (cancelled || alive.expired()) return;
        retrying_ = false;
        submit();
    });
}

void UringBackend::submit() {
    push();
    // What is in the page cache is done by now; no need to wait for the event, which comes after.
    reap();
}

void UringBackend::reap() {
    if (std::exchange(reaping_, true)) return;
    bool more = true;
    while (more) {
        more = harvest();
        if (more) push();
        if (done_.empty()) continue;
        const std::weak_ptr<const bool> alive = alive_;
        client_->completed(done_);
        if (alive.expired()) return;  // the client has ended us
        more = more || io_uring_cq_ready(ring_.get()) > 0;
    }
    reaping_ = false;
}

bool UringBackend::harvest() {
    done_.clear();
    bool more = false;
    unsigned head = 0;
    unsigned count = 0;
    io_uring_cqe* entry = nullptr;
    io_uring_for_each_cqe(ring_.get(), head, entry) {
        ++count;
        auto* request = static_cast<BlockRequest*>(io_uring_cqe_get_data(entry));
        if (request->took(entry->res)) {
            --in_flight_;
            done_.push_back(request);
        } else {
            prepare(*request);
            more = true;
        }
    }
    io_uring_cq_advance(ring_.get(), count);
    return more;
}

}  // namespace rvmm::devices
