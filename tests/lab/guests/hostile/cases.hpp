// The wrong things, in groups.
#pragma once

#include "bench.hpp"
#include "find_devices.hpp"

namespace guest::hostile {

// What is available: descriptors and rings.
void address_cases(Bench& bench);
void ring_cases(Bench& bench);
// How the device is set up: features, status, queues.
void setup_cases(Bench& bench);
void queue_area_cases(Bench& bench);
// How registers are accessed.
void access_cases(Bench& bench);
void unaligned_cases(Bench& bench);
/// `found`: other functions are in reach of what a driver can do to its own.
void pci_cases(Bench& bench, const Found& found);
// What a request says, by the type of the device.
void request_cases(Bench& bench);
void block_cases(Bench& bench);
// Things that change while the device works.
struct FlightCounts {
    std::uint64_t conversions;
    std::uint64_t resets;
    std::uint64_t races;
};
bool prepare_flight_cases();
void flight_cases(Bench& bench, const FlightCounts& counts);
/// What another CPU changes meanwhile; nothing where there is none.
void race_cases(Bench& bench, std::uint64_t rounds);

}  // namespace guest::hostile
