// Reads the reference vectors of tests/data/vectors (README.md there).
#pragma once

#include <cstdint>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "measure/rim.hpp"
#include "rmi/records.hpp"

namespace rvmm::vectors {

using nlohmann::json;

inline json load(const std::string& name) {
    std::ifstream file(RVMM_TEST_DATA "/vectors/" + name);
    EXPECT_TRUE(file) << name;
    return json::parse(file);
}

inline std::string text(const json& value) {
    return value.get<std::string>();
}

/// A number, or a string such as "0x80000000".
inline std::uint64_t number(const json& value) {
    if (!value.is_string()) return value.get<std::uint64_t>();
    return parse_unsigned(text(value)).value();
}

/// [base, top) of two numbers.
inline IpaRange range(const json& base, const json& top) {
    return IpaRange::between(Ipa{number(base)}, Ipa{number(top)}).value();
}

/// The `realm_params` of a launch that was recorded on a running host.
inline rmi::RealmParams realm_params(const json& given) {
    using P = rmi::RealmParams;
    P params;
    params.set(P::kFlags0, number(given.at("flags")));
    params.set(P::kS2sz, given.at("s2sz").get<std::uint32_t>());
    params.set(P::kSveVl, given.at("sve_vl").get<std::uint32_t>());
    params.set(P::kNumBps, given.at("num_bps").get<std::uint32_t>());
    params.set(P::kNumWps, given.at("num_wps").get<std::uint32_t>());
    params.set(P::kPmuNumCtrs, given.at("pmu_num_ctrs").get<std::uint32_t>());
    params.set(P::kHashAlgo, given.at("hash_algo").get<std::uint8_t>());
    return params;
}

/// The same launch's REC 0, the only one that is runnable.
inline rmi::RecParams rec0_params(const json& launch) {
    using P = rmi::RecParams;
    P params;
    params.set(P::kFlags, P::kFlagRunnable);
    if (launch.contains("recs")) {
        const json& rec = launch.at("recs").at(0);
        params.set(P::kPc, number(rec.at("pc")));
        params.set(P::kGprs, number(rec.at("x0")));
        return params;
    }
    params.set(P::kPc, number(launch.at("rec0").at("pc")));
    for (std::size_t i = 0; i < 8; ++i)
        params.set(P::kGprs, number(launch.at("rec0").at("x0_to_x7").at(i)), i);
    return params;
}

/// Extends `extender` with the pages of a recorded launch.
inline void populate(measure::RimExtender& extender, const json& launch) {
    for (const json& part : launch.at("populate")) {
        Ipa ipa{number(part.at("base"))};
        for (const json& page : part.at("page_sha256")) {
            const auto digest = measure::Digest::from_hex(text(page));
            const bool measured = part.value("flags", 1) == 1;
            ASSERT_TRUE(measured ? extender.data_digest(ipa, *digest)
                                 : extender.data_unmeasured(ipa));
            ipa = ipa + measure::kMeasuredPageSize;
        }
        EXPECT_EQ(ipa.value, number(part.at("top")));
    }
}

}  // namespace rvmm::vectors
