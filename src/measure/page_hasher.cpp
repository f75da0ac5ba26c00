#include "measure/page_hasher.hpp"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

namespace rvmm::measure {
namespace {

// Chunks that may be ahead of the taker, for each thread.
constexpr std::size_t kAhead = 8;

}  // namespace

struct PageHasher::State {
    struct Slot {
        std::array<Digest, kChunk> digests;
        std::size_t count = 0;
        bool ready = false;
    };

    State(Hash h, std::vector<ByteSpan> r, std::size_t size, unsigned threads)
        : hash(h), runs(std::move(r)), page_size(size), slots(kAhead * threads), hasher(h) {
        std::size_t chunks = 0;
        for (const ByteSpan run : runs) {
            first_chunks.push_back(chunks);
            chunks += (run.size() / page_size + kChunk - 1) / kChunk;
        }
        chunk_count = chunks;
        const std::size_t helpers = std::min<std::size_t>(threads, chunks) - (chunks != 0 ? 1 : 0);
        for (std::size_t i = 0; i < helpers; ++i)
            workers.emplace_back([this](const std::stop_token& stop) { work(stop); });
    }

    ByteSpan bytes_of(std::size_t chunk) const {
        const auto after = std::ranges::upper_bound(first_chunks, chunk);
        const auto index = static_cast<std::size_t>(after - first_chunks.begin()) - 1;
        const std::size_t offset = (chunk - first_chunks[index]) * kChunk * page_size;
        return runs[index].subspan(offset,
                                   std::min(kChunk * page_size, runs[index].size() - offset));
    }

    /// The next chunk that nobody hashes yet and that has a free slot. The mutex is held.
    std::optional<std::size_t> claim() {
        if (claimed == chunk_count || claimed >= taken + slots.size()) return std::nullopt;
        return claimed++;
    }

    void hash_chunk(std::size_t chunk, Hasher& with) {
        Slot& slot = slots[chunk % slots.size()];
        const ByteSpan bytes = bytes_of(chunk);
        const std::size_t count = bytes.size() / page_size;
        std::optional<Error> failed;
        for (std::size_t i = 0; i < count && !failed; ++i) {
            const auto digest = with.digest({bytes.subspan(i * page_size, page_size)});
            if (digest)
                slot.digests[i] = *digest;
            else
                failed = digest.error();
        }
        const std::scoped_lock lock(mutex);
        slot.count = count;
        slot.ready = true;
        if (failed) error = std::move(failed);
        changed.notify_all();
    }

    void work(const std::stop_token& stop) {
        Hasher own(hash);
        std::unique_lock lock(mutex);
        while (claimed != chunk_count) {
            const auto chunk = claim();
            if (!chunk) {
                changed.wait(lock, stop, [&] { return claimed < taken + slots.size(); });
                if (stop.stop_requested()) return;
                continue;
            }
            lock.unlock();
            hash_chunk(*chunk, own);
            if (stop.stop_requested()) return;
            lock.lock();
        }
    }

    const Hash hash;
    const std::vector<ByteSpan> runs;
    const std::size_t page_size;
    std::vector<std::size_t> first_chunks;  // of each run
    std::size_t chunk_count = 0;

    std::mutex mutex;  // for all below but what is in slots that are not ready
    std::condition_variable_any changed;
    std::vector<Slot> slots;  // chunk i lies in slot i % size
    std::size_t claimed = 0;  // chunks that are hashed or being hashed
    std::size_t taken = 0;    // chunks that need no slot any more
    std::optional<Error> error;

    Hasher hasher;  // the taker's
    std::size_t next = 0;
    std::vector<std::jthread> workers;  // last: they end first
};

PageHasher::PageHasher(Hash hash, std::vector<ByteSpan> runs, std::size_t page_size,
                       unsigned threads)
    : state_(std::make_unique<State>(hash, std::move(runs), page_size, std::max(threads, 1U))) {}

PageHasher::~PageHasher() = default;

Result<std::span<const Digest>> PageHasher::next() {
    State& s = *state_;
    if (s.next == s.chunk_count) return fail(Stage::kInternal, "there are no more pages to hash");
    const std::size_t chunk = s.next++;
    State::Slot& slot = s.slots[chunk % s.slots.size()];
    std::unique_lock lock(s.mutex);
    s.taken = chunk;
    s.changed.notify_all();
    while (s.claimed <= chunk || !slot.ready) {
        const auto own = s.claim();
        if (!own) {
            s.changed.wait(lock, [&] { return slot.ready; });
            continue;
        }
        lock.unlock();
        s.hash_chunk(*own, s.hasher);
        lock.lock();
    }
    slot.ready = false;  // the chunk that comes into this slot next is another one
    if (s.error) return std::unexpected(*s.error);
    return std::span<const Digest>(slot.digests).first(slot.count);
}

}  // namespace rvmm::measure
