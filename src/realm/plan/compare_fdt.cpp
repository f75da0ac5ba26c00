#include "realm/plan/compare_fdt.hpp"

#include <algorithm>
#include <unordered_map>

#include "realm/layout/dts.hpp"
#include "realm/spec/config_text.hpp"

namespace rvmm::realm {
namespace {

constexpr std::size_t kShownValue = 160;  // bytes

struct Tree {
    std::vector<FdtNode> nodes;
    std::vector<std::vector<std::size_t>> children;  // of each node, in their order
};

Result<Tree> make_tree(ByteSpan dtb) {
    Tree tree;
    RVMM_TRY(tree.nodes, read_fdt(dtb));
    tree.children.resize(tree.nodes.size());
    for (std::size_t i = 1; i < tree.nodes.size(); ++i)
        tree.children[tree.nodes[i].parent].push_back(i);
    return tree;
}

std::string shown(const FdtProperty& property) {
    if (property.value.empty()) return "(without a value)";
    if (property.value.size() == 1 && property.value[0] == std::byte{0}) return "\"\"";
    return printable(show_fdt_value(property.value), kShownValue);
}

class TreeComparison {
  public:
    TreeComparison(const Tree& a, const Tree& b, Differences& found)
        : a_(a), b_(b), found_(found) {}

    /// Nodes nest at most kMaxFdtDepth deep.
    void compare(std::size_t a, std::size_t b) {
        compare_properties(a, b);
        std::unordered_map<std::string_view, std::size_t> others;
        for (const std::size_t child : b_.children[b]) others.emplace(name_of(b_, child), child);
        std::vector<std::size_t> met;  // nodes of b, in a's order
        for (const std::size_t child : a_.children[a]) {
            const auto other = others.find(name_of(a_, child));
            if (other == others.end()) {
                add(a_, child, "", "a node", "");
                continue;
            }
            compare(child, other->second);
            met.push_back(other->second);
            others.erase(other);
        }
        for (const std::size_t child : b_.children[b])
            if (const auto left = others.find(name_of(b_, child));
                left != others.end() && left->second == child)
                add(b_, child, "", "", "a node");
        if (!std::ranges::is_sorted(met))
            add(a_, a, " order of nodes", names(a_, a_.children[a]), names(b_, b_.children[b]));
    }

  private:
    static std::string_view name_of(const Tree& tree, std::size_t node) {
        return tree.nodes[node].name;
    }
    static std::string names(const Tree& tree, const std::vector<std::size_t>& nodes) {
        std::string text;
        for (const std::size_t node : nodes) {
            if (text.size() > kShownValue) break;
            text += (text.empty() ? "" : ", ") + std::string(name_of(tree, node));
        }
        return printable(text, kShownValue);
    }
    static std::string names(const std::vector<FdtProperty>& properties) {
        std::string text;
        for (const FdtProperty& property : properties) {
            if (text.size() > kShownValue) break;
            text += (text.empty() ? "" : ", ") + std::string(property.name);
        }
        return printable(text, kShownValue);
    }

    void compare_properties(std::size_t a, std::size_t b) {
        const auto& ours = a_.nodes[a].properties;
        const auto& theirs = b_.nodes[b].properties;
        const std::size_t before = found_.kept().size() + found_.left_out();
        std::unordered_map<std::string_view, const FdtProperty*> others;
        for (const FdtProperty& property : theirs) others.emplace(property.name, &property);
        for (const FdtProperty& property : ours) {
            const auto other = others.find(property.name);
            if (other == others.end()) {
                add_property(a, &property, nullptr);
                continue;
            }
            if (!std::ranges::equal(property.value, other->second->value))
                add_property(a, &property, other->second);
            others.erase(other);
        }
        for (const FdtProperty& property : theirs)
            if (const auto left = others.find(property.name);
                left != others.end() && left->second == &property)
                add_property(a, nullptr, &property);
        const bool more = found_.kept().size() + found_.left_out() != before;
        if (!more && !std::ranges::equal(ours, theirs, {}, &FdtProperty::name, &FdtProperty::name))
            add(a_, a, " order of properties", names(ours), names(theirs));
    }

    void add_property(std::size_t node, const FdtProperty* a, const FdtProperty* b) {
        if (found_.full()) return found_.count();
        const std::string name = printable((a != nullptr ? a : b)->name, kShownValue);
        add(a_, node, " " + name, a != nullptr ? shown(*a) : "", b != nullptr ? shown(*b) : "");
    }
    void add(const Tree& tree, std::size_t node, std::string_view what, std::string a,
             std::string b) {
        if (found_.full()) return found_.count();
        const std::string path = printable(path_of(tree.nodes, node), kShownValue);
        found_.add({fmt::format("fdt {}{}", path, what), std::move(a), std::move(b)});
    }

    const Tree& a_;
    const Tree& b_;
    Differences& found_;
};

}  // namespace

Result<> compare_fdts(ByteSpan a, ByteSpan b, Differences& found) {
    RVMM_TRY(const Tree ours, make_tree(a));
    RVMM_TRY(const Tree theirs, make_tree(b));
    TreeComparison(ours, theirs, found).compare(0, 0);
    return {};
}

}  // namespace rvmm::realm
