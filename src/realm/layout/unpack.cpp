#include "realm/layout/unpack.hpp"

#include <algorithm>
#include <memory>

#include <zlib.h>
#include <zstd.h>

#include "base/address.hpp"
#include "base/mapping.hpp"
#include "base/text.hpp"

namespace rvmm::realm {
namespace {

/// A result of up to a limit: addresses for all of it are there from the start, memory comes as it
/// is written.
class Output {
  public:
    static Result<Output> create(std::uint64_t limit) {
        const std::uint64_t padded = align_up(limit, Contents::kPadding).value_or(limit);
        RVMM_TRY(Mapping memory,
                 Mapping::create("memory to unpack into", padded + Contents::kPadding,
                                 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE,
                                 -1));
        return Output(std::move(memory), limit);
    }

    /// Where to write next; empty if the limit is reached.
    MutableByteSpan room() const { return memory_.bytes().first(limit_).subspan(used_); }
    void advance(std::size_t written) { used_ += written; }
    Contents take() {
        memory_.shrink(used_ + Contents::kPadding);
        return Contents::adopt(std::move(memory_), used_);
    }
    std::unexpected<Error> too_large() const {
        return fail(Stage::kImage, "it unpacks to more than {}", format_size(limit_));
    }

  private:
    Output(Mapping memory, std::uint64_t limit) : memory_(std::move(memory)), limit_(limit) {}
    Mapping memory_;
    std::uint64_t limit_;
    std::size_t used_ = 0;
};

std::unexpected<Error> damaged(std::string_view format) {
    return fail(Stage::kImage, "its {} data is damaged or truncated", format);
}
std::unexpected<Error> trailing(std::string_view format, std::size_t bytes) {
    return fail(Stage::kImage, "{} bytes follow its {} data", bytes, format);
}

class Inflater {
  public:
    Inflater() { ready_ = inflateInit2(&stream_, 15 + 16) == Z_OK; }  // 15-bit window, gzip header
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;
    ~Inflater() {
        if (ready_) inflateEnd(&stream_);
    }

    /// Consumes the front of `in`, fills the front of `out`, and says zlib's result.
    int step(ByteSpan& in, MutableByteSpan out, std::size_t& written) {
        if (!ready_) return Z_MEM_ERROR;
        constexpr std::size_t kMost = std::size_t{1} << 30;  // zlib counts in 32 bits
        stream_.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(in.data()));
        stream_.avail_in = static_cast<uInt>(std::min(in.size(), kMost));
        stream_.next_out = reinterpret_cast<Bytef*>(out.data());
        const auto room = static_cast<uInt>(std::min(out.size(), kMost));
        stream_.avail_out = room;
        const uInt given = stream_.avail_in;
        const int result = inflate(&stream_, Z_NO_FLUSH);
        in = in.subspan(given - stream_.avail_in);
        written = room - stream_.avail_out;
        return result;
    }

  private:
    z_stream stream_ = {};
    bool ready_ = false;
};

struct FreeZstd {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

}  // namespace

Result<Contents> unpack_gzip(ByteSpan packed, std::uint64_t limit) {
    RVMM_TRY(Output output, Output::create(limit));
    Inflater inflater;
    for (int result = Z_OK; result != Z_STREAM_END;) {
        const MutableByteSpan room = output.room();
        // At the limit, one spare byte tells a stream that ends here from one that goes on.
        std::byte spare{};
        std::size_t written = 0;
        result = inflater.step(packed, room.empty() ? MutableByteSpan(&spare, 1) : room, written);
        if (room.empty() && written != 0) return output.too_large();
        output.advance(written);
        if (result != Z_OK && result != Z_STREAM_END) return damaged("gzip");
    }
    if (!packed.empty()) return trailing("gzip", packed.size());
    return output.take();
}

Result<Contents> unpack_zstd(ByteSpan packed, std::uint64_t limit) {
    RVMM_TRY(Output output, Output::create(limit));
    const std::unique_ptr<ZSTD_DCtx, FreeZstd> context(ZSTD_createDCtx());
    if (!context) return fail(Stage::kInternal, "cannot set up zstd");
    ZSTD_inBuffer in{packed.data(), packed.size(), 0};
    for (std::size_t result = 1; result != 0;) {
        const MutableByteSpan room = output.room();
        std::byte spare{};
        ZSTD_outBuffer out{room.empty() ? &spare : room.data(),
                           std::max<std::size_t>(room.size(), 1), 0};
        const std::size_t before = in.pos;
        result = ZSTD_decompressStream(context.get(), &out, &in);
        if (room.empty() && out.pos != 0) return output.too_large();
        output.advance(out.pos);
        const bool stuck = in.pos == before && out.pos == 0;
        if (ZSTD_isError(result) || (result != 0 && stuck)) return damaged("zstd");
    }
    if (in.pos != in.size) return trailing("zstd", in.size - in.pos);
    return output.take();
}

}  // namespace rvmm::realm
