#include "rmi/rmi.hpp"

#include <gtest/gtest.h>

namespace rvmm::rmi {
namespace {

TEST(RmiFunctionNames, NumberWithTwoNames_IsNamedByTheBeta) {
    constexpr std::uint32_t kData = 0xc4000153;
    EXPECT_EQ(name_of(kRmiFunctionNames, kData, Beta::k10), "RMI_DATA_CREATE");
    EXPECT_EQ(name_of(kRmiFunctionNames, kData, Beta::k20Bet1), "RMI_RTT_DATA_MAP_INIT");
    EXPECT_EQ(name_of(kRmiFunctionNames, 0xc4000151, Beta::k20Bet3), "");
    EXPECT_EQ(name_of(kRmiFunctionNames, 0xc4000150, Beta::kTfRmmMain), "RMI_VERSION");
}

TEST(RmiFunctionNames, ANumber_HasOneNameInABeta) {
    for (const ValueName& one : kRmiFunctionNames)
        for (const ValueName& other : kRmiFunctionNames) {
            const bool is_clash = one.name != other.name && one.value == other.value &&
                                  one.betas.overlaps(other.betas);
            EXPECT_FALSE(is_clash) << one.name << " " << other.name;
        }
}

TEST(RmiStatusNames, Numbers_AreTheSpecifications) {
    EXPECT_EQ(name_of(kRmiStatusNames, 0, Beta::k10), "RMI_SUCCESS");
    EXPECT_EQ(name_of(kRmiStatusNames, 1, Beta::k10), "RMI_ERROR_INPUT");
    EXPECT_EQ(name_of(kRmiStatusNames, 2, Beta::k10), "RMI_ERROR_REALM");
    EXPECT_EQ(name_of(kRmiStatusNames, 3, Beta::k10), "RMI_ERROR_REC");
    EXPECT_EQ(name_of(kRmiStatusNames, 4, Beta::k10), "RMI_ERROR_RTT");
    EXPECT_EQ(name_of(kRmiStatusNames, 5, Beta::k10), "");
    EXPECT_EQ(name_of(kRmiStatusNames, 10, Beta::k20Bet1), "RMI_BUSY");
    EXPECT_EQ(name_of(kRmiStatusNames, 13, Beta::k20Bet1), "RMI_INCOMPLETE");
    EXPECT_EQ(name_of(kRmiStatusNames, 16, Beta::k20Bet1), "RMI_ERROR_GRANULE");
    EXPECT_EQ(name_of(kRmiStatusNames, 17, Beta::k20Bet1), "");
}

TEST(RmiResult, ToRegister_PacksStatusAndIndex) {
    EXPECT_EQ(to_register(RmiStatus::kSuccess), 0U);
    EXPECT_EQ(to_register(RmiStatus::kErrorRtt, 3), 0x304U);
    EXPECT_EQ(to_register(RmiStatus::kErrorRtt, 0xff), 0xff04U);  // level -1
    EXPECT_EQ(RmiResult::kStatus.get(0xff04), 4U);
    EXPECT_EQ(RmiResult::kIndex.get(0xff04), 0xffU);
    EXPECT_EQ(RmiIncompleteResult::kMemReq.get(0x50d), 1U);
    EXPECT_EQ(RmiIncompleteResult::kCanCancel.get(0x50d), 1U);
}

}  // namespace
}  // namespace rvmm::rmi
