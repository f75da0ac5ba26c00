#include <fmt/format.h>

#include "base/version.hpp"
#include "cli/completion.hpp"

namespace rvmm::cli {
namespace {

std::string fish_quoted(std::string_view text) {
    std::string quoted = "'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return quoted + "'";
}

/// The options of fish's `complete` for what an argument takes.
std::string fish_value(const CommandArgument& argument) {
    switch (argument.kind) {
        case ValueKind::kNone:
            return "";
        case ValueKind::kWord:
            return " -x -a " + fish_quoted(joined(argument.members, " "));
        case ValueKind::kFolder:
            return " -x -a '(__fish_complete_directories)'";
        case ValueKind::kFile:
            return " -r -F";
        case ValueKind::kOther:
            return " -x";
    }
    return "";
}

std::string fish_option(const CommandArgument& option, std::string_view where) {
    std::string text{where};
    for (const std::string& name : option.names)
        text += name.starts_with("--") ? fmt::format(" -l {}", name.substr(2))
                                       : fmt::format(" -s {}", name.substr(1));
    return text + fish_value(option) + " -d " + fish_quoted(option.help) + "\n";
}

/// A positional's values: fish does not count them, so those of all are offered.
std::string fish_positional(const CommandArgument& positional, std::string_view where) {
    if (positional.kind == ValueKind::kOther) return "";
    // What an option takes has to follow it; a positional's needs no word before it.
    std::string value = fish_value(positional).substr(3);
    return fmt::format("{} {}\n", where, value);
}

std::string fish_command(const CommandNode& node) {
    const std::string path = joined(node.path, " ");
    const std::string where =
        fmt::format("complete -c rvmm -n {}", fish_quoted(fmt::format("__rvmm_at {}", path)));
    std::string text = "\n# " + path + "\n";
    for (const CommandNode& command : node.commands)
        text +=
            fmt::format("{} -a {} -d {}\n", where, command.path.back(), fish_quoted(command.help));
    for (const CommandArgument& positional : node.positionals)
        text += fish_positional(positional, where);
    for (const CommandArgument& option : node.options) text += fish_option(option, where);
    return text;
}

/// $argv is a command: do the words before the cursor name it, and none below it?
constexpr std::string_view kFishFunction = R"END(
function __rvmm_at
    set -l path rvmm
    set -l words (commandline -opc)
    for word in $words[2..]
        if contains -- "$path $word" $__rvmm_commands
            set path "$path $word"
        end
    end
    test "$path" = "$argv"
end

complete -c rvmm -f
)END";

}  // namespace

std::string fish_completion(const CommandNode& root) {
    std::string names;
    std::string commands;
    for (const CommandNode* node : all_commands(root)) {
        names += " " + fish_quoted(joined(node->path, " "));
        commands += fish_command(*node);
    }
    return fmt::format(
        "# fish completion of rvmm {}, made by `rvmm completion fish`.\n\n"
        "set -g __rvmm_commands{}\n{}{}",
        kVersion, names, kFishFunction, commands);
}

}  // namespace rvmm::cli
