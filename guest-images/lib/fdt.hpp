// Reads a flattened device tree (Devicetree Specification 0.4, chapter 5) from front to back.
// Nothing outside the blocks that its header names is read, whatever it says.
#pragma once

#include <cstddef>
#include <cstdint>

#include "console.hpp"

namespace guest {

class FdtReader {
  public:
    enum class Event : std::uint8_t { kNode, kEndNode, kProperty, kDone, kBroken };

    /// False if there is no usable tree at `address`: bad magic or version, larger than 2 MiB, or
    /// blocks that leave it.
    bool open(std::uint64_t address);

    /// The next thing in the tree. After kDone and kBroken it stays at that.
    Event next();

    /// Of the node or property that next() returned.
    Text name() const { return name_; }
    /// Of the property that next() returned.
    std::size_t value_size() const { return value_size_; }
    Text value() const { return {reinterpret_cast<const char*>(value_), value_size_}; }
    /// `cells` (1 or 2) big-endian words of the value from word `first`; false if it is shorter.
    bool read_cells(std::size_t first, std::size_t cells, std::uint64_t& out) const;

    std::size_t total_size() const { return total_size_; }

  private:
    Event read_node();
    Event read_property();

    const std::uint8_t* tree_ = nullptr;
    const std::uint8_t* strings_ = nullptr;
    const std::uint8_t* value_ = nullptr;
    std::size_t total_size_ = 0;
    std::size_t strings_size_ = 0;
    std::size_t at_ = 0;   // in tree_
    std::size_t end_ = 0;  // of the structure block
    std::size_t value_size_ = 0;
    Text name_{};
};

/// True if `text` is `expected` (which has a terminator).
bool equals(Text text, const char* expected);
/// True if `text` starts with `prefix` (which has a terminator).
bool starts_with(Text text, const char* prefix);

}  // namespace guest
