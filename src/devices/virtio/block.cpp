#include "devices/virtio/block.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "devices/virtio/block_format.hpp"
#include "devices/virtio/pieces.hpp"

namespace rvmm::devices::virtio {
namespace {

using Operation = BlockRequest::Operation;

constexpr std::uint32_t kMaxSegments = Block::kQueueSize - 2;  // and a header, and a status
// A reset waits for what is in flight: zeroes may have to be written out.
constexpr std::uint32_t kMaxDiscardSectors = (1U << 30) / blk::kSectorSize;
constexpr std::uint32_t kMaxDiscardRanges = 32;
constexpr std::uint32_t kMaxZeroSectors = (64U << 20) / blk::kSectorSize;
constexpr std::uint32_t kMaxZeroRanges = 4;
constexpr std::uint8_t kPhysicalExponent = 3;  // 4 KiB, as file systems have it
constexpr std::uint32_t kPhysicalSectors = 1U << kPhysicalExponent;

/// Whether `count` sectors from `first` on lie within `sectors`.
constexpr bool lies_within(std::uint64_t first, std::uint64_t count, std::uint64_t sectors) {
    return first <= sectors && count <= sectors - first;
}

}  // namespace

Block::Block(std::unique_ptr<BlockBackend> backend, Options options)
    : backend_(std::move(backend)),
      shape_(backend_->shape()),
      options_(std::move(options)),
      queue_sizes_(options_.queues, kQueueSize) {
    backend_->set_client(*this);
}

Result<std::shared_ptr<Block>> Block::create(std::unique_ptr<BlockBackend> backend,
                                             Options options) {
    if (options.serial.size() > kMaxSerial)
        return fail(Stage::kConfig, "{}: serial \"{}\" is longer than {} bytes", options.name,
                    options.serial, kMaxSerial);
    if (options.queues == 0 || options.queues > kMaxQueues)
        return fail(Stage::kConfig, "{}: {} queues, where 1 to {} are possible", options.name,
                    options.queues, kMaxQueues);
    if (backend->shape().depth < depth_of(options.queues))
        return fail(Stage::kInternal, "{}: a backend for {} requests", options.name,
                    backend->shape().depth);
    return std::shared_ptr<Block>(new Block(std::move(backend), std::move(options)));
}

std::uint64_t Block::features() const {
    return blk::kSegMax | blk::kBlkSize | blk::kFlush | blk::kTopology |
           (options_.queues > 1 ? blk::kMultiQueue : 0) |
           (shape_.read_only ? blk::kReadOnly : blk::kDiscard | blk::kWriteZeroes);
}

Bytes Block::config() const {
    Bytes bytes(blk::kConfigSize);
    const auto set = [&]<typename T>(std::size_t offset, T value) {
        store_le(MutableByteSpan(bytes).subspan(offset), value);
    };
    set(blk::kConfigCapacity, shape_.sectors);
    set(blk::kConfigSegMax, kMaxSegments);
    set(blk::kConfigBlkSize, static_cast<std::uint32_t>(blk::kSectorSize));
    set(blk::kConfigPhysicalExponent, kPhysicalExponent);
    set(blk::kConfigMinIoSize, static_cast<std::uint16_t>(kPhysicalSectors));
    set(blk::kConfigNumQueues, static_cast<std::uint16_t>(options_.queues));
    if (shape_.read_only) return bytes;
    set(blk::kConfigMaxDiscardSectors, kMaxDiscardSectors);
    set(blk::kConfigMaxDiscardRanges, kMaxDiscardRanges);
    set(blk::kConfigDiscardAlignment, kPhysicalSectors);
    set(blk::kConfigMaxZeroSectors, kMaxZeroSectors);
    set(blk::kConfigMaxZeroRanges, kMaxZeroRanges);
    set(blk::kConfigZeroesMayUnmap, std::uint8_t{1});
    return bytes;
}

void Block::start(Session& session) {
    session_ = &session;
    failed_ = false;
    // Section 5.2.6.2: a driver that never flushes takes what is written for stable.
    stable_writes_ = !session.has(blk::kFlush);
}

void Block::notify(unsigned index) {
    ReadyQueue* queue = stopped_ ? nullptr : session_->queue(index);
    if (queue == nullptr) return;
    queue->serve([this, index](Chain& chain) { return take(chain, index); });
    backend_->submit();
}

Block::Answer Block::take(Chain& chain, unsigned queue) {
    if (failed_) return {};
    std::array<std::byte, blk::kHeaderSize> bytes{};
    if (chain.read(0, bytes) < blk::kHeaderSize || chain.writable_size() == 0) {
        failed_ = true;
        session_->fail(
            {Stage::kGuest, fmt::format("{}: a request with {} bytes to read and {} to "
                                        "write has no header or no status",
                                        name(), chain.readable_size(), chain.writable_size())});
        return {};
    }
    const Header header{.type = load_le<std::uint32_t>(bytes),
                        .sector = load_le<std::uint64_t>(ByteSpan(bytes).subspan(8))};
    switch (header.type) {
        case blk::kTypeIn:
        case blk::kTypeOut:
            return take_transfer(chain, queue, header);
        case blk::kTypeFlush:
            return session_->has(blk::kFlush) ? take_flush(chain, queue)
                                              : answer(chain, blk::kUnsupported);
        case blk::kTypeGetId:
            return take_id(chain);
        case blk::kTypeDiscard:
        case blk::kTypeWriteZeroes:
            return take_ranges(chain, queue, header.type);
        default:
            return answer(chain, blk::kUnsupported);
    }
}

Block::Answer Block::take_transfer(Chain& chain, unsigned queue, const Header& header) {
    const bool reads = header.type == blk::kTypeIn;
    const std::uint64_t data =
        reads ? chain.writable_size() - 1 : chain.readable_size() - blk::kHeaderSize;
    if (data == 0 || data % blk::kSectorSize != 0 || (!reads && shape_.read_only) ||
        !lies_within(header.sector, data / blk::kSectorSize, shape_.sectors))
        return answer(chain, blk::kIoError);
    Job& job = new_job(queue, header.type);
    job.data = data;
    job.begin(reads ? Operation::kRead : Operation::kWrite, header.sector * blk::kSectorSize, 0,
              stable_writes_);
    for_each_piece(reads ? chain.writable() : chain.readable(), reads ? 0 : blk::kHeaderSize, data,
                   [&](MutableByteSpan piece, std::size_t) { job.add_piece(piece); });
    run(job, chain);
    return {};
}

Block::Answer Block::take_flush(Chain& chain, unsigned queue) {
    if (shape_.read_only) return answer(chain, blk::kOk);  // nothing was written
    Job& job = new_job(queue, blk::kTypeFlush);
    job.begin(Operation::kFlush, 0);
    run(job, chain);
    return {};
}

Block::Answer Block::take_id(const Chain& chain) {
    std::array<std::byte, blk::kIdSize> id{};
    std::ranges::copy(as_bytes(options_.serial), id.begin());
    const std::uint64_t room = std::min<std::uint64_t>(chain.writable_size() - 1, id.size());
    return answer(chain, blk::kOk, chain.write(0, ByteSpan(id).first(room)));
}

Block::Answer Block::take_ranges(Chain& chain, unsigned queue, std::uint32_t type) {
    if (shape_.read_only) return answer(chain, blk::kIoError);
    if (!session_->has(type == blk::kTypeDiscard ? blk::kDiscard : blk::kWriteZeroes))
        return answer(chain, blk::kUnsupported);
    Job& job = new_job(queue, type);
    if (const std::uint8_t status = read_ranges(chain, job); status != blk::kOk) {
        idle_.push_back(&job);
        return answer(chain, status);
    }
    begin_range(job);
    run(job, chain);
    return {};
}

std::uint8_t Block::read_ranges(const Chain& chain, Job& job) const {
    const bool discards = job.type == blk::kTypeDiscard;
    const std::uint64_t data = chain.readable_size() - blk::kHeaderSize;
    const std::uint64_t count = data / blk::kRangeSize;
    if (count == 0 || data % blk::kRangeSize != 0 ||
        count > (discards ? kMaxDiscardRanges : kMaxZeroRanges))
        return blk::kIoError;
    bool unmap = true;
    std::uint8_t status = blk::kOk;
    for (std::uint64_t i = 0; i < count; ++i) {
        std::array<std::byte, blk::kRangeSize> bytes{};
        chain.read(blk::kHeaderSize + i * blk::kRangeSize, bytes);
        const auto first = load_le<std::uint64_t>(bytes);
        const auto sectors = load_le<std::uint32_t>(ByteSpan(bytes).subspan(8));
        const auto flags = load_le<std::uint32_t>(ByteSpan(bytes).subspan(12));
        if ((flags & ~(discards ? 0 : blk::kFlagUnmap)) != 0) return blk::kUnsupported;
        if (sectors == 0 || sectors > (discards ? kMaxDiscardSectors : kMaxZeroSectors) ||
            !lies_within(first, sectors, shape_.sectors))
            status = blk::kIoError;
        unmap = unmap && flags == blk::kFlagUnmap;
        job.ranges.push_back({first * blk::kSectorSize, sectors * blk::kSectorSize});
    }
    // A driver says of each range whether it may be unmapped; that none is, is always right.
    job.operation = discards ? Operation::kDiscard
                    : unmap  ? Operation::kUnmapZeroes
                             : Operation::kWriteZeroes;
    return status;
}

Block::Answer Block::answer(const Chain& chain, std::uint8_t status, std::uint64_t written) {
    if (status != blk::kOk) ++errors_;
    const std::uint64_t place = chain.writable_size() - 1;
    const std::array<std::byte, 1> byte = {static_cast<std::byte>(status)};
    chain.write(place, byte);
    // Section 2.7.8.2: so many bytes, from the first on, have been written. With a gap before the
    // status, that does not count.
    return static_cast<std::uint32_t>(written == place ? place + 1 : written);
}

Block::Job& Block::new_job(unsigned queue, std::uint32_t type) {
    if (idle_.empty()) {
        idle_.push_back(jobs_.emplace_back(std::make_unique<Job>()).get());
    }
    Job& job = *idle_.back();
    idle_.pop_back();
    job.queue = queue;
    job.type = type;
    job.data = 0;
    job.ranges.clear();
    job.next_range = 0;
    return job;
}

void Block::run(Job& job, Chain& chain) {
    job.chain.emplace(std::move(chain));
    backend_->queue(job);
}

bool Block::begin_range(Job& job) {
    if (job.next_range == job.ranges.size() || stopped_) return false;
    const Range& range = job.ranges[job.next_range++];
    job.begin(job.operation, range.offset, range.length, stable_writes_);
    return true;
}

void Block::completed(std::span<BlockRequest* const> requests) {
    bool more = false;
    for (BlockRequest* request : requests) {
        auto& job = static_cast<Job&>(*request);
        if (job.error() == 0 && begin_range(job)) {
            backend_->queue(job);
            more = true;
        } else {
            finish(job);
        }
    }
    for (unsigned queue = 0; queue < options_.queues; ++queue) {
        if (done_[queue].empty()) continue;
        session_->queue(queue)->complete(done_[queue]);
        done_[queue].clear();
    }
    if (more) backend_->submit();
    stop_if_idle();
}

void Block::finish(Job& job) {
    const bool good = job.error() == 0 && job.next_range == job.ranges.size();
    if (job.error() != 0 && !std::exchange(warned_, true))
        warn("{}", Error::from_errno(Stage::kImage, fmt::format("{} has an I/O error", name()),
                                     job.error())
                       .message());
    if (good && job.type == blk::kTypeIn) ++read_requests_, read_bytes_ += job.data;
    if (good && job.type == blk::kTypeOut) ++write_requests_, write_bytes_ += job.data;
    if (good && job.type == blk::kTypeFlush) ++flushes_;
    const auto written = answer(*job.chain, good ? blk::kOk : blk::kIoError,
                                good && job.type == blk::kTypeIn ? job.data : 0);
    done_[job.queue].push_back({*std::move(job.chain), *written});
    job.chain.reset();
    idle_.push_back(&job);
}

void Block::stop(std::function<void()> stopped) {
    stopped_ = std::move(stopped);
    stop_if_idle();
}

void Block::stop_if_idle() {
    if (!stopped_ || !idle()) return;
    jobs_.clear();
    idle_.clear();
    session_ = nullptr;
    std::exchange(stopped_, nullptr)();
}

std::vector<Counter> Block::counters() const {
    return {{"read_requests", read_requests_},
            {"read_bytes", read_bytes_},
            {"write_requests", write_requests_},
            {"write_bytes", write_bytes_},
            {"flushes", flushes_},
            {"io_errors", errors_}};
}

}  // namespace rvmm::devices::virtio
