#include "vmm/process/proc_memory.hpp"

#include <fstream>
#include <limits>
#include <string>

namespace rvmm::vmm {

std::uint64_t proc_memory(const char* file, std::string_view name) {
    std::ifstream lines(file);
    for (std::string first; lines >> first;) {
        std::uint64_t kibibytes = 0;
        if (first == name && lines >> kibibytes) return kibibytes * 1024;
        lines.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
    }
    return 0;
}

}  // namespace rvmm::vmm
