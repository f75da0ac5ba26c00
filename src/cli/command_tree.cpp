#include "cli/command_tree.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace rvmm::cli {
namespace {

/// The members of CLI11's "{a,b,c}".
std::vector<std::string> members_of(std::string_view set) {
    std::vector<std::string> members;
    set.remove_prefix(1);
    set.remove_suffix(1);
    while (!set.empty()) {
        const std::size_t end = std::min(set.find(','), set.size());
        members.emplace_back(set.substr(0, end));
        set.remove_prefix(std::min(end + 1, set.size()));
    }
    return members;
}

ValueKind kind_of(std::string_view type) {
    if (type == "DIR") return ValueKind::kFolder;
    return type == "FILE" || type == "TEXT" ? ValueKind::kFile : ValueKind::kOther;
}

/// CLI11's type name is "TYPE", or with validators "TYPE:{a,b}" or "TYPE:what they say".
void read_value(const CLI::Option& option, CommandArgument& argument) {
    const std::string type = option.get_type_name();
    const std::size_t colon = std::min(type.find(':'), type.size());
    argument.value = type.substr(0, colon);
    argument.kind = kind_of(argument.value);
    if (colon == type.size()) return;
    const std::string says = type.substr(colon + 1);
    if (says.size() > 2 && says.starts_with('{') && says.ends_with('}')) {
        argument.kind = ValueKind::kWord;
        argument.members = members_of(says);
        argument.value = joined(argument.members, "|");
    } else {
        argument.limits = says;
        if (argument.kind == ValueKind::kFile) argument.kind = ValueKind::kOther;
    }
}

CommandArgument read(const CLI::Option& option) {
    CommandArgument argument;
    if (option.get_positional()) {
        argument.names.push_back(option.get_name(true));
    } else {
        for (const std::string& name : option.get_snames()) argument.names.push_back("-" + name);
        for (const std::string& name : option.get_lnames()) argument.names.push_back("--" + name);
    }
    argument.help = option.get_description();
    argument.default_value = option.get_default_str();
    argument.required = option.get_required();
    argument.repeatable = option.get_items_expected_max() > 1 ||
                          option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
    if (option.get_items_expected_max() != 0) read_value(option, argument);
    return argument;
}

CommandNode read(const CLI::App& app, std::vector<std::string> path) {
    path.push_back(app.get_name());
    CommandNode node{.path = std::move(path),
                     .help = app.get_description(),
                     .footer = app.get_footer(),
                     .takes_rest = app.get_prefix_command()};
    for (const CLI::Option* option : app.get_options()) {
        if (option->get_group().empty()) continue;
        (option->get_positional() ? node.positionals : node.options).push_back(read(*option));
    }
    for (const CLI::App* command : app.get_subcommands([](const CLI::App* each) {
             return !each->get_group().empty() && !each->get_name().empty();
         }))
        node.commands.push_back(read(*command, node.path));
    return node;
}

void add_all(const CommandNode& node, std::vector<const CommandNode*>& all) {
    all.push_back(&node);
    for (const CommandNode& command : node.commands) add_all(command, all);
}

}  // namespace

CommandNode command_tree(const CLI::App& app) {
    return read(app, {});
}

std::vector<const CommandNode*> all_commands(const CommandNode& root) {
    std::vector<const CommandNode*> all;
    add_all(root, all);
    return all;
}

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
    return fmt::format("{}", fmt::join(words, separator));
}

}  // namespace rvmm::cli
