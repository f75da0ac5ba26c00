// Any bytes as a line of events from a lab: what is taken of it is the same when it is read again.
#include <cstdlib>

#include "vmm/events/run_event.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace rvmm::vmm;
    const std::string_view line(reinterpret_cast<const char*>(data), size);
    const auto failure = parse_failure(line);
    if (failure && failure->error.size() > kMaxEventText) std::abort();
    const auto event = parse_run_event(line);
    if (!event) return 0;
    const auto replace = nlohmann::json::error_handler_t::replace;
    const std::string once = to_json(*event).dump(-1, ' ', false, replace);
    const auto again = parse_run_event(once);
    // A text that was cut within a character is longer by the replacement, and is cut again.
    if (!again || (size <= kMaxEventText && to_json(*again).dump(-1, ' ', false, replace) != once))
        std::abort();
    return 0;
}
