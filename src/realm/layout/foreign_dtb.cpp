#include "realm/layout/foreign_dtb.hpp"

#include <algorithm>
#include <string_view>

#include "realm/layout/dts.hpp"

namespace rvmm::realm {
namespace {

constexpr std::size_t kCell = 4;        // bytes
constexpr std::size_t kMaxCpus = 4096;  // more than any machine here has

class Tree {
  public:
    explicit Tree(std::vector<FdtNode> nodes) : nodes_(std::move(nodes)) {}

    static constexpr std::size_t kRoot = 0;

    std::vector<std::size_t> children(std::size_t node) const {
        std::vector<std::size_t> found;
        for (std::size_t i = 1; i < nodes_.size(); ++i)
            if (nodes_[i].parent == node) found.push_back(i);
        return found;
    }
    /// The root's child named `name`.
    std::optional<std::size_t> child(std::string_view name) const {
        for (const std::size_t node : children(kRoot))
            if (nodes_[node].name == name) return node;
        return std::nullopt;
    }
    std::optional<ByteSpan> property(std::size_t node, std::string_view name) const {
        const auto& all = nodes_[node].properties;
        const auto found = std::ranges::find(all, name, &FdtProperty::name);
        return found == all.end() ? std::nullopt : std::optional(found->value);
    }
    std::string text(std::size_t node, std::string_view name) const {
        const auto value = property(node, name);
        if (!value) return {};
        const std::string_view all(reinterpret_cast<const char*>(value->data()), value->size());
        return std::string(all.substr(0, all.find('\0')));
    }

  private:
    std::vector<FdtNode> nodes_;
};

/// A big-endian number of one or two cells.
std::uint64_t cells(ByteSpan value) {
    std::uint64_t number = 0;
    for (const std::byte byte : value) number = number << 8 | static_cast<std::uint8_t>(byte);
    return number;
}

/// How many cells an address or a size has below `node`: 1 or 2, sizes of CPUs 0.
Result<std::size_t> cell_count(const Tree& tree, std::size_t node, const char* name,
                               std::size_t fallback) {
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
    RVMM_TRY(const std::size_t address, cell_count(tree, Tree::kRoot, "#address-cells", 2));
    RVMM_TRY(const std::size_t size, cell_count(tree, Tree::kRoot, "#size-cells", 1));
    std::vector<IpaRange> ranges;
    for (const std::size_t node : tree.children(Tree::kRoot)) {
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
    const auto node = tree.child("cpus");
    if (!node) return fail(Stage::kImage, "it has no cpus node");
    RVMM_TRY(const std::size_t address, cell_count(tree, *node, "#address-cells", 2));
    for (const std::size_t cpu : tree.children(*node)) {
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

Result<std::optional<Ipa>> address_in(const Tree& tree, std::size_t node, const char* name) {
    const auto value = tree.property(node, name);
    if (!value) return std::nullopt;
    if (value->size() != kCell && value->size() != 2 * kCell)
        return fail(Stage::kImage, "its {} has {} bytes", name, value->size());
    return Ipa{cells(*value)};
}

Result<std::optional<IpaRange>> initrd_of(const Tree& tree, std::size_t chosen) {
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
    RVMM_TRY(auto nodes, read_fdt(file));
    const Tree tree(std::move(nodes));
    DtbFacts facts;
    RVMM_TRY(facts.memory, memory_of(tree));
    RVMM_TRY(facts.cpus, cpus_of(tree));
    if (const auto chosen = tree.child("chosen")) {
        RVMM_TRY(facts.initrd, initrd_of(tree, *chosen));
        facts.bootargs = tree.text(*chosen, "bootargs");
    }
    return facts;
}

}  // namespace rvmm::realm
