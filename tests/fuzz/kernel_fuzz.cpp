// parse_kernel() on any bytes: it refuses, or gives an image that keeps its contract.
#include <cstdlib>

#include "realm/layout/guest_layout.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace rvmm;
    constexpr std::uint64_t kLimit = 1U << 20;
    const ByteSpan input = std::as_bytes(std::span(data, size));
    const auto kernel = realm::parse_kernel(Bytes(input.begin(), input.end()), kLimit);
    if (!kernel) {
        if (kernel.error().stage() != Stage::kImage) std::abort();
        return 0;
    }
    const bool sound =
        !kernel->bytes.empty() && kernel->bytes.size() <= kLimit &&
        kernel->image_size >= kernel->bytes.size() && kernel->image_size <= realm::kMaxMemory &&
        kernel->text_offset <= realm::kMaxMemory && is_aligned(kernel->text_offset, kPageSize4K);
    if (!sound) std::abort();
    return 0;
}
