// parse_measurement() on any bytes: it refuses, or gives a value that is written and read again the
// same.
#include <cstdlib>

#include "realm/plan/measurement.hpp"

namespace {
void require(bool condition) {
    if (!condition) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace rvmm;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const auto read = realm::parse_measurement(input, "fuzz");
    if (!read) {
        require(read.error().stage() == Stage::kImage);
        return 0;
    }
    require(!read->steps.empty() && read->steps.back().rim == read->rim);
    require(!to_text(*read).empty());
    const auto again = realm::parse_measurement(to_json(*read), "fuzz");
    require(again.has_value() && *again == *read);
    return 0;
}
