// virtio-blk: a disk. Source: virtio 1.3, section 5.2.
//
// A request is read out of its chain once and checked, then handed to the disk's backend; its chain
// stays here until the backend is done. A request that has no place for an answer fails the device;
// all others are answered.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "devices/block/backend.hpp"
#include "devices/virtio/block_format.hpp"
#include "devices/virtio/device.hpp"

namespace rvmm::devices::virtio {

/// On the machine's loop.
class Block final : public Device, private BlockBackend::Client {
  public:
    static constexpr std::uint16_t kQueueSize = 256;
    static constexpr unsigned kMaxQueues = 16;
    static constexpr std::size_t kMaxSerial = blk::kIdSize;
    /// What the backend of a disk with so many queues has to carry.
    static constexpr unsigned depth_of(unsigned queues) { return queues * kQueueSize; }

    struct Options {
        std::string name;         // "disk0"
        std::string serial = {};  // what the guest finds it by
        unsigned queues = 1;      // 1 to kMaxQueues
    };
    /// Errors: a serial that is too long, too many queues (Stage::kConfig).
    static Result<std::shared_ptr<Block>> create(std::unique_ptr<BlockBackend> backend,
                                                 Options options);

    std::string_view name() const override { return options_.name; }
    std::uint16_t type() const override { return blk::kDeviceId; }
    std::uint64_t features() const override;
    std::span<const std::uint16_t> queue_sizes() const override { return queue_sizes_; }
    Bytes config() const override;
    void start(Session& session) override;
    void notify(unsigned queue) override;
    void stop(std::function<void()> stopped) override;
    std::vector<Counter> counters() const override;

    /// How its I/O is done: "io_uring", "threads".
    std::string_view backend() const { return backend_->kind(); }

  private:
    struct Range {
        std::uint64_t offset;  // bytes
        std::uint64_t length;
    };
    /// A request that the backend has.
    struct Job : BlockRequest {
        std::optional<Chain> chain;
        unsigned queue = 0;
        std::uint32_t type = 0;
        std::uint64_t data = 0;  // bytes of a read or write
        Operation operation = Operation::kFlush;
        std::vector<Range> ranges;  // of a discard or write-zeroes: they come one after the other
        std::size_t next_range = 0;
    };
    struct Header {
        std::uint32_t type;
        std::uint64_t sector;
    };
    using Answer = std::optional<std::uint32_t>;  // what ReadyQueue::serve() wants

    Block(std::unique_ptr<BlockBackend> backend, Options options);

    Answer take(Chain& chain, unsigned queue);
    Answer take_transfer(Chain& chain, unsigned queue, const Header& header);
    Answer take_flush(Chain& chain, unsigned queue);
    Answer take_id(const Chain& chain);
    Answer take_ranges(Chain& chain, unsigned queue, std::uint32_t type);
    /// What of a discard or write-zeroes is wrong: a status, or kOk.
    std::uint8_t read_ranges(const Chain& chain, Job& job) const;
    /// Answers at once; `written`: bytes from the first writable one on.
    Answer answer(const Chain& chain, std::uint8_t status, std::uint64_t written = 0);
    Job& new_job(unsigned queue, std::uint32_t type);
    void run(Job& job, Chain& chain);
    bool begin_range(Job& job);
    void completed(std::span<BlockRequest* const> requests) override;
    void finish(Job& job);
    void stop_if_idle();
    bool idle() const { return idle_.size() == jobs_.size(); }

    const std::unique_ptr<BlockBackend> backend_;
    const BlockBackend::Shape shape_;
    const Options options_;
    const std::vector<std::uint16_t> queue_sizes_;

    Session* session_ = nullptr;
    bool failed_ = false;
    bool stable_writes_ = false;
    std::function<void()> stopped_;
    // Kept until the device stops, so that a request allocates nothing.
    std::vector<std::unique_ptr<Job>> jobs_;
    std::vector<Job*> idle_;
    std::array<std::vector<Completion>, kMaxQueues> done_;

    bool warned_ = false;
    std::uint64_t read_requests_ = 0;
    std::uint64_t read_bytes_ = 0;
    std::uint64_t write_requests_ = 0;
    std::uint64_t write_bytes_ = 0;
    std::uint64_t flushes_ = 0;
    std::uint64_t errors_ = 0;
};

}  // namespace rvmm::devices::virtio
