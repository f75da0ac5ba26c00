#include "realm/layout/foreign_dtb.hpp"

#include <algorithm>
#include <string_view>

#include <libfdt.h>

namespace rvmm::realm {
namespace {

constexpr std::size_t kCell = 4;        // bytes
constexpr std::size_t kMaxCpus = 4096;  // more than any machine here has

/// Read access to a tree that fdt_check_full() found sound.
class Tree {
  public:
    explicit Tree(const void* fdt) : fdt_(fdt) {}

    std::vector<int> children(int node) const {
        std::vector<int> nodes;
        for (int child = fdt_first_subnode(fdt_, node); child >= 0;
             child = fdt_next_subnode(fdt_, child))
            nodes.push_back(child);
        return nodes;
    }
    /// The child named `name`, whatever its unit address.
    std::optional<int> child(int node, std::string_view name) const {
        const int found =
            fdt_subnode_offset_namelen(fdt_, node, name.data(), static_cast<int>(name.size()));
        return found < 0 ? std::nullopt : std::optional(found);
    }
    std::optional<ByteSpan> property(int node, const char* name) const {
        int size = 0;
        const void* value = fdt_getprop(fdt_, node, name, &size);
        if (value == nullptr || size < 0) return std::nullopt;
        return ByteSpan(static_cast<const std::byte*>(value), static_cast<std::size_t>(size));
    }
    std::string text(int node, const char* name) const {
        const auto value = property(node, name);
        if (!value) return {};
        const std::string_view all(reinterpret_cast<const char*>(value->data()), value->size());
        return std::string(all.substr(0, all.find('\0')));
    }

  private:
    const void* fdt_;
};

/// A big-endian number of one or two cells.
std::uint64_t cells(ByteSpan value) {
    std::uint64_t number = 0;
    for (const std::byte byte : value) number = number << 8 | static_cast<std::uint8_t>(byte);
    return number;
}

/// How many cells an address or a size has below `node`: 1 or 2, sizes of CPUs 0.
Result<std::size_t> cell_count(const Tree& tree, int node, const char* name, std::size_t fallback) {
    const auto value = tree.property(node, name);
    if (!value) return fallback;
    if (value->size() != kCell || cells(*value) > 2)
        return fail(Stage::kImage, "its {} is no number from 0 to 2", name);
    return static_cast<std::size_t>(cells(*value));
}

Result<> add_memory(ByteSpan reg, std::size_t address_size, std::size_t size_size,
                    std::vector<IpaRange>& ranges) {
    const std::size_t entry = (address_size + size_size) * kCell;
    if (address_size == 0 || size_size == 0 || reg.empty() || reg.size() % entry != 0)
        return fail(Stage::kImage, "its memory node has a reg of {} bytes", reg.size());
    for (; !reg.empty(); reg = reg.subspan(entry)) {
        const Ipa base{cells(reg.first(address_size * kCell))};
        const auto range =
            IpaRange::make(base, cells(reg.subspan(address_size * kCell, size_size * kCell)));
        if (!range) return fail(Stage::kImage, "its memory at {:#x} wraps around", base.value);
        if (!range->empty()) ranges.push_back(*range);
    }
    return {};
}

/// Ascending, with ranges that touch put together.
Result<std::vector<IpaRange>> merged(std::vector<IpaRange> ranges) {
    std::ranges::sort(ranges, {}, &IpaRange::base);
    std::vector<IpaRange> result;
    for (const IpaRange& range : ranges) {
        if (!result.empty() && result.back().overlaps(range))
            return fail(Stage::kImage, "its memory at {:#x} is there twice", range.base().value);
        if (!result.empty() && result.back().top() == range.base())
            result.back() = IpaRange::between(result.back().base(), range.top()).value_or(range);
        else
            result.push_back(range);
    }
    return result;
}

Result<std::vector<IpaRange>> memory_of(const Tree& tree) {
    RVMM_TRY(const std::size_t address, cell_count(tree, 0, "#address-cells", 2));
    RVMM_TRY(const std::size_t size, cell_count(tree, 0, "#size-cells", 1));
    std::vector<IpaRange> ranges;
    for (const int node : tree.children(0)) {
        if (tree.text(node, "device_type") != "memory") continue;
        const auto reg = tree.property(node, "reg");
        if (!reg) return fail(Stage::kImage, "its memory node has no reg");
        RVMM_CHECK(add_memory(*reg, address, size, ranges));
    }
    if (ranges.empty()) return fail(Stage::kImage, "it has no memory node");
    return merged(std::move(ranges));
}

Result<std::vector<std::uint64_t>> cpus_of(const Tree& tree) {
    std::vector<std::uint64_t> cpus;
    const auto node = tree.child(0, "cpus");
    if (!node) return fail(Stage::kImage, "it has no cpus node");
    RVMM_TRY(const std::size_t address, cell_count(tree, *node, "#address-cells", 2));
    for (const int cpu : tree.children(*node)) {
        if (tree.text(cpu, "device_type") != "cpu") continue;
        const auto reg = tree.property(cpu, "reg");
        if (!reg || reg->empty() || reg->size() != address * kCell)
            return fail(Stage::kImage, "its CPU {} has no reg of {} cells", cpus.size(), address);
        cpus.push_back(cells(*reg));
        if (cpus.size() > kMaxCpus)
            return fail(Stage::kImage, "it has more than {} CPUs", kMaxCpus);
    }
    if (cpus.empty()) return fail(Stage::kImage, "it has no CPUs");
    return cpus;
}

Result<std::optional<Ipa>> address_in(const Tree& tree, int node, const char* name) {
    const auto value = tree.property(node, name);
    if (!value) return std::nullopt;
    if (value->size() != kCell && value->size() != 2 * kCell)
        return fail(Stage::kImage, "its {} has {} bytes", name, value->size());
    return Ipa{cells(*value)};
}

Result<std::optional<IpaRange>> initrd_of(const Tree& tree, int chosen) {
    RVMM_TRY(const auto start, address_in(tree, chosen, "linux,initrd-start"));
    RVMM_TRY(const auto end, address_in(tree, chosen, "linux,initrd-end"));
    if (!start && !end) return std::nullopt;
    if (!start || !end)
        return fail(Stage::kImage, "it has one of linux,initrd-start and linux,initrd-end only");
    const auto range = IpaRange::between(*start, *end);
    if (!range || range->empty())
        return fail(Stage::kImage, "its linux,initrd-end {:#x} is not above its start {:#x}",
                    end->value, start->value);
    return range;
}

}  // namespace

Result<DtbFacts> read_dtb(ByteSpan file) {
    if (file.size() < FDT_V1_SIZE || fdt_magic(file.data()) != FDT_MAGIC)
        return fail(Stage::kImage, "it is no flattened device tree");
    const std::uint32_t size = fdt_totalsize(file.data());
    if (size > file.size())
        return fail(Stage::kImage, "it is truncated: it has {} bytes, its header says {}",
                    file.size(), size);
    if (const int error = fdt_check_full(file.data(), file.size()); error != 0)
        return fail(Stage::kImage, "it is damaged: {}", fdt_strerror(error));
    const Tree tree(file.data());
    DtbFacts facts;
    RVMM_TRY(facts.memory, memory_of(tree));
    RVMM_TRY(facts.cpus, cpus_of(tree));
    if (const auto chosen = tree.child(0, "chosen")) {
        RVMM_TRY(facts.initrd, initrd_of(tree, *chosen));
        facts.bootargs = tree.text(*chosen, "bootargs");
    }
    return facts;
}

}  // namespace rvmm::realm
