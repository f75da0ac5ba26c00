// Two files of anyone's, compared. The input is both, with a line "====" between them.
#include <cstdlib>
#include <string_view>

#include "realm/plan/compare.hpp"

namespace {
void require(bool condition) {
    if (!condition) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace rvmm;
    constexpr std::string_view kBetween = "\n====\n";
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const std::size_t middle = input.find(kBetween);
    if (middle == input.npos) return 0;
    const auto a = realm::parse_measured_input(as_bytes(input.substr(0, middle)), "a");
    const auto b =
        realm::parse_measured_input(as_bytes(input.substr(middle + kBetween.size())), "b");
    require(a || a.error().stage() == Stage::kImage);
    require(b || b.error().stage() == Stage::kImage);
    if (!a || !b) return 0;
    const auto result = realm::compare(*a, *b);
    require(result.has_value());
    const bool steps = a->measurement && b->measurement;
    require(result->same == (a->rim == b->rim && a->hash == b->hash));
    require(result->first.has_value() == (steps && !result->same));
    require(!result->first || !result->first->why.empty());
    require(to_text(*result, *a, *b).size() < 64U << 10);
    require(to_json(*result, *a, *b).ends_with("}\n"));
    return 0;
}
