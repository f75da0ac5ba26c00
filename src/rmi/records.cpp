#include "rmi/records.hpp"

#include <type_traits>

namespace rvmm::rmi {
namespace {

/// A record is its bytes and nothing else, and its fields lie within it without overlapping.
template <class T, std::size_t Size>
constexpr bool is_laid_out() {
    return sizeof(T) == Size && std::is_trivially_copyable_v<T> && well_formed(T::kFields, Size);
}

static_assert(is_laid_out<RealmParams, 4096>());
static_assert(is_laid_out<RecParams, 4096>());
static_assert(is_laid_out<DataMeasurement, 256>());
static_assert(is_laid_out<RecMeasurement, 256>());
static_assert(is_laid_out<RipasMeasurement, 256>());

}  // namespace
}  // namespace rvmm::rmi
