#include "fdt.hpp"

namespace guest {
namespace {

constexpr std::uint32_t kMagic = 0xd00dfeed;
constexpr std::uint32_t kVersion = 17;
constexpr std::size_t kHeaderSize = 40;
constexpr std::size_t kLargest = 2 << 20;

constexpr std::uint32_t kBeginNode = 1;
constexpr std::uint32_t kEndNode = 2;
constexpr std::uint32_t kProp = 3;
constexpr std::uint32_t kNop = 4;
constexpr std::uint32_t kEnd = 9;

std::uint32_t load_be32(const std::uint8_t* bytes) {
    return static_cast<std::uint32_t>(bytes[0]) << 24 | static_cast<std::uint32_t>(bytes[1]) << 16 |
           static_cast<std::uint32_t>(bytes[2]) << 8 | bytes[3];
}

/// The terminated text at `offset` of a block; false if no terminator is in the block.
bool text_in(const std::uint8_t* block, std::size_t block_size, std::size_t offset, Text& out) {
    for (std::size_t i = offset; i < block_size; ++i) {
        if (block[i] == 0) {
            out = {reinterpret_cast<const char*>(block) + offset, i - offset};
            return true;
        }
    }
    return false;
}

constexpr std::size_t align4(std::size_t value) {
    return (value + 3) & ~std::size_t{3};
}

}  // namespace

bool FdtReader::open(std::uint64_t address) {
    if (address == 0 || address % 8 != 0) return false;
    tree_ = reinterpret_cast<const std::uint8_t*>(address);
    if (load_be32(tree_) != kMagic) return false;
    total_size_ = load_be32(tree_ + 4);
    if (total_size_ < kHeaderSize || total_size_ > kLargest) return false;
    if (load_be32(tree_ + 20) < kVersion) return false;
    const std::size_t structure = load_be32(tree_ + 8);
    const std::size_t structure_size = load_be32(tree_ + 36);
    const std::size_t strings = load_be32(tree_ + 12);
    strings_size_ = load_be32(tree_ + 32);
    if (structure % 4 != 0 || structure > total_size_ || strings > total_size_) return false;
    if (structure_size > total_size_ - structure) return false;
    if (strings_size_ > total_size_ - strings) return false;
    at_ = structure;
    end_ = structure + structure_size;
    strings_ = tree_ + strings;
    return true;
}

FdtReader::Event FdtReader::next() {
    while (at_ <= end_ && end_ - at_ >= 4) {
        const std::uint32_t token = load_be32(tree_ + at_);
        if (token == kEnd) return Event::kDone;
        at_ += 4;
        if (token == kBeginNode) return read_node();
        if (token == kProp) return read_property();
        if (token == kEndNode) return Event::kEndNode;
        if (token != kNop) break;
    }
    at_ = end_;
    return Event::kBroken;
}

FdtReader::Event FdtReader::read_node() {
    if (!text_in(tree_, end_, at_, name_)) {
        at_ = end_;
        return Event::kBroken;
    }
    at_ = align4(at_ + name_.size + 1);
    return Event::kNode;
}

FdtReader::Event FdtReader::read_property() {
    if (end_ - at_ >= 8) {
        value_size_ = load_be32(tree_ + at_);
        const std::size_t name_offset = load_be32(tree_ + at_ + 4);
        at_ += 8;
        if (value_size_ <= end_ - at_ && text_in(strings_, strings_size_, name_offset, name_)) {
            value_ = tree_ + at_;
            at_ = align4(at_ + value_size_);
            return Event::kProperty;
        }
    }
    at_ = end_;
    return Event::kBroken;
}

bool FdtReader::read_cells(std::size_t first, std::size_t cells, std::uint64_t& out) const {
    if (cells < 1 || cells > 2 || (first + cells) * 4 > value_size_) return false;
    out = 0;
    for (std::size_t i = first; i < first + cells; ++i) out = out << 32 | load_be32(value_ + i * 4);
    return true;
}

bool starts_with(Text text, const char* prefix) {
    std::size_t i = 0;
    while (i < text.size && prefix[i] != 0 && prefix[i] == text.data[i]) ++i;
    return prefix[i] == 0;
}

bool equals(Text text, const char* expected) {
    std::size_t i = 0;
    while (i < text.size && expected[i] != 0 && expected[i] == text.data[i]) ++i;
    return i == text.size && expected[i] == 0;
}

}  // namespace guest
