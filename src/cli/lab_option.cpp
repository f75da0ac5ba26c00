#include "cli/lab_option.hpp"

namespace rvmm::cli {

void add_lab_option(CLI::App& command, std::string& path) {
    command
        .add_option("--lab", path,
                    "Use the lab that this file describes (docs/lab.md; else RVMM_LAB's)")
        ->type_name("FILE");
}

}  // namespace rvmm::cli
