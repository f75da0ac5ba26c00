// read_dtb() on any bytes: it refuses, or gives facts that keep their contract.
#include <cstdlib>

#include "realm/layout/foreign_dtb.hpp"

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace rvmm;
    const ByteSpan input = std::as_bytes(std::span(data, size));
    const Bytes aligned(input.begin(), input.end());
    const auto facts = realm::read_dtb(aligned);
    if (!facts) {
        require(facts.error().stage() == Stage::kImage);
        return 0;
    }
    require(!facts->memory.empty() && !facts->cpus.empty() && facts->cpus.size() <= 4096);
    for (std::size_t i = 0; i < facts->memory.size(); ++i) {
        require(!facts->memory[i].empty());
        require(i == 0 || facts->memory[i - 1].top() < facts->memory[i].base());
    }
    require(!facts->initrd || !facts->initrd->empty());
    require(facts->bootargs.find('\0') == std::string::npos && facts->bootargs.size() <= size);
    return 0;
}
