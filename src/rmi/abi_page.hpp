// docs/rmi-abi.md, made from the declarations of this folder.
#pragma once

#include <span>
#include <string>

#include "rmi/field.hpp"

namespace rvmm::rmi {

/// Every record that is declared, in the order in which the page lists them.
std::span<const RecordInfo> all_records();

/// The page, as Markdown. tests/rmi compares the committed one with it.
std::string abi_page();

}  // namespace rvmm::rmi
