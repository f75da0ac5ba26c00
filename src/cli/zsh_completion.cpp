#include <fmt/format.h>

#include "base/version.hpp"
#include "cli/completion.hpp"

namespace rvmm::cli {
namespace {

/// For a text between single quotes: also with a backslash before each of `special`.
std::string zsh_escaped(std::string_view text, std::string_view special) {
    std::string escaped;
    for (const char c : text) {
        if (c == '\'') {
            escaped += R"('\'')";
            continue;
        }
        if (c == '\\' || special.find(c) != special.npos) escaped += '\\';
        escaped += c;
    }
    return escaped;
}

/// ":MESSAGE:ACTION" of _arguments.
std::string zsh_value(const CommandArgument& argument, std::string_view message) {
    std::string action = " ";  // nothing to offer, only the message
    if (argument.kind == ValueKind::kWord) action = "(" + joined(argument.members, " ") + ")";
    if (argument.kind == ValueKind::kFile) action = "_files";
    if (argument.kind == ValueKind::kFolder) action = "_files -/";
    return fmt::format(":{}:{}", zsh_escaped(message, ":"), zsh_escaped(action, ""));
}

std::string zsh_option(const CommandArgument& option) {
    const bool valued = option.kind != ValueKind::kNone;
    std::string text;
    for (const std::string& name : option.names) {
        // One that was given is not offered again, whatever it was called.
        const std::string before =
            option.repeatable ? "*" : fmt::format("({})", joined(option.names, " "));
        text += fmt::format("        '{}{}{}[{}]{}' \\\n", before, name,
                            !valued                  ? ""
                            : name.starts_with("--") ? "="
                                                     : "+",
                            zsh_escaped(option.help, "[]:"),
                            valued ? zsh_value(option, option.value) : "");
    }
    return text;
}

std::string zsh_function(const CommandNode& node) {
    return "_" + joined(node.path, "_");
}

/// The command's options and positionals: it has no commands of its own.
std::string zsh_leaf(const CommandNode& node) {
    std::string text = fmt::format("{}() {{\n    _arguments -S \\\n", zsh_function(node));
    for (const CommandArgument& option : node.options) text += zsh_option(option);
    std::size_t number = 0;
    for (const CommandArgument& positional : node.positionals) {
        const bool many = positional.repeatable || node.takes_rest;
        text += fmt::format("        '{}{}' \\\n",
                            many ? std::string("*") : fmt::format("{}", ++number),
                            zsh_value(positional, positional.names.front()));
    }
    return text + "        && return\n}\n\n";
}

/// A command with commands of its own.
std::string zsh_group(const CommandNode& node) {
    std::string options;
    std::string names;
    std::string calls;
    for (const CommandArgument& option : node.options) options += zsh_option(option);
    for (const CommandNode& command : node.commands) {
        names +=
            fmt::format("        '{}:{}'\n", command.path.back(), zsh_escaped(command.help, ""));
        calls +=
            fmt::format("                {}) {} ;;\n", command.path.back(), zsh_function(command));
    }
    return fmt::format(
        "{}() {{\n"
        "    local curcontext=$curcontext state state_descr line\n"
        "    local -A opt_args\n"
        "    local -a commands=(\n{}    )\n"
        "    _arguments -S -C \\\n{}"
        "        '1:command:->command' \\\n"
        "        '*::argument:->argument' \\\n"
        "        && return\n"
        "    case $state in\n"
        "        command) _describe -t commands command commands ;;\n"
        "        argument)\n"
        "            curcontext=${{curcontext%:*:*}}:{}-$words[1]:\n"
        "            case $words[1] in\n{}            esac ;;\n"
        "    esac\n}}\n\n",
        zsh_function(node), names, options, joined(node.path, "-"), calls);
}

}  // namespace

std::string zsh_completion(const CommandNode& root) {
    std::string text = fmt::format(
        "#compdef rvmm\n# zsh completion of rvmm {}, made by `rvmm completion zsh`.\n\n", kVersion);
    for (const CommandNode* node : all_commands(root))
        text += node->commands.empty() ? zsh_leaf(*node) : zsh_group(*node);
    return text +
           "if [[ $funcstack[1] == _rvmm ]]; then _rvmm \"$@\"; else compdef _rvmm rvmm; fi\n";
}

}  // namespace rvmm::cli
