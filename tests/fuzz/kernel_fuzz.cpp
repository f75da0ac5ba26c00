// parse_kernel() on any bytes: it refuses, or gives an image that keeps its contract.
#include <cstdlib>

#include "realm/layout/guest_layout.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace rvmm;
    constexpr std::uint64_t kLimit = 1U << 20;
    const ByteSpan input = std::as_bytes(std::span(data, size));
    const auto kernel = realm::parse_kernel(input, kLimit);
    if (!kernel) {
        if (kernel.error().stage() != Stage::kImage) std::abort();
        return 0;
    }
    const ByteSpan image = kernel->unpacked ? kernel->unpacked->source() : input;
    const bool sound =
        !image.empty() && image.size() <= kLimit && kernel->image_size >= image.size() &&
        kernel->image_size <= realm::kMaxMemory && kernel->text_offset <= realm::kMaxMemory &&
        is_aligned(kernel->text_offset, kPageSize4K);
    if (!sound) std::abort();
    return 0;
}
