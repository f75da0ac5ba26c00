#include "base/page_size.hpp"

#include <unistd.h>

namespace rvmm {

std::uint64_t host_page_size() {
    return static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace rvmm
