#include <fmt/format.h>

#include "base/version.hpp"
#include "cli/completion.hpp"

namespace rvmm::cli {
namespace {

/// What stands for file names among the words that can be offered; no argument of ours is so named.
std::string bash_offer(const CommandArgument& argument) {
    switch (argument.kind) {
        case ValueKind::kWord:
            return joined(argument.members, " ");
        case ValueKind::kFolder:
            return "<folders>";
        case ValueKind::kFile:
            return "<files>";
        case ValueKind::kNone:
        case ValueKind::kOther:
            break;
    }
    return "";
}

std::string bash_quoted(std::string_view text) {
    std::string quoted = "'";
    for (const char c : text) {
        if (c == '\'')
            quoted += R"('\'')";
        else
            quoted += c;
    }
    return quoted + "'";
}

/// The words of one command: its commands, its options, and those of them that take a value.
std::string bash_command(const CommandNode& node) {
    std::vector<std::string> commands;
    std::vector<std::string> options;
    std::vector<std::string> valued;
    commands.reserve(node.commands.size());
    for (const CommandNode& command : node.commands) commands.push_back(command.path.back());
    for (const CommandArgument& option : node.options) {
        options.insert(options.end(), option.names.begin(), option.names.end());
        if (option.kind != ValueKind::kNone)
            valued.insert(valued.end(), option.names.begin(), option.names.end());
    }
    return fmt::format(
        "        {})\n            commands={}\n            options={}\n"
        "            valued={} rest={} ;;\n",
        bash_quoted(joined(node.path, " ")), bash_quoted(joined(commands, " ")),
        bash_quoted(joined(options, " ")), bash_quoted(joined(valued, " ")),
        node.takes_rest ? "yes" : "");
}

/// A line for each argument that takes a value: "COMMAND --option" or "COMMAND:N" for positional N.
std::string bash_values(const CommandNode& node) {
    const std::string path = joined(node.path, " ");
    std::string text;
    const auto add = [&](const std::string& pattern, const CommandArgument& argument) {
        text +=
            fmt::format("        {}) offer={} ;;\n", pattern, bash_quoted(bash_offer(argument)));
    };
    for (const CommandArgument& option : node.options)
        if (option.kind != ValueKind::kNone)
            for (const std::string& name : option.names)
                add(bash_quoted(fmt::format("{} {}", path, name)), option);
    std::size_t number = 0;
    for (const CommandArgument& positional : node.positionals) {
        const bool many = positional.repeatable || node.takes_rest;
        add(many ? bash_quoted(path + ":") + "*"
                 : bash_quoted(fmt::format("{}:{}", path, number++)),
            positional);
    }
    return text;
}

constexpr std::string_view kBashFunction = R"END(
_rvmm() {
    local command=rvmm commands='' options='' valued='' rest='' offer='options'
    local what='' wanted='' glued='' literal='' word
    local -i i positional=0
    COMPREPLY=()
    _rvmm_command "$command"
    # bash takes "--host=lab" for three words, and "a:b" too.
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $word == [:=]* ]]; then
            glued=yes wanted=''
        elif [[ $glued ]]; then
            glued=''
        elif [[ $wanted ]]; then
            what=$wanted wanted=''
        elif [[ $word == -- && ! $literal ]]; then
            literal=yes
        elif [[ $word == -* && ! $literal ]]; then
            what="$command $word"
            [[ " $valued " != *" $word "* ]] || wanted=$what
        elif [[ " $commands " == *" $word "* ]]; then
            command+=" $word"
            _rvmm_command "$command"
        else
            what="$command:$positional"
            positional+=1
            [[ ! $rest ]] || literal=yes
        fi
    done
    word=${COMP_WORDS[COMP_CWORD]}
    if [[ $word == [:=]* ]]; then
        word=''
        _rvmm_value "$what"
    elif [[ $glued ]]; then
        _rvmm_value "$what"
    elif [[ $wanted ]]; then
        _rvmm_value "$wanted"
    elif [[ $word == -* && ! $literal ]]; then
        offer=$options
    elif [[ $commands ]]; then
        offer=$commands
    else
        _rvmm_value "$command:$positional"
        [[ $offer != options ]] || offer=$options
    fi
    case $offer in
        '<files>') mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
        '<folders>') mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
        *)
            mapfile -t COMPREPLY < <(compgen -W "$offer" -- "$word")
            return
            ;;
    esac
    # Only readline has this: it quotes names, and ends those of folders with a slash.
    compopt -o filenames 2>/dev/null
}

complete -F _rvmm rvmm
)END";

}  // namespace

std::string bash_completion(const CommandNode& root) {
    std::string commands;
    std::string values;
    for (const CommandNode* node : all_commands(root)) {
        commands += bash_command(*node);
        values += bash_values(*node);
    }
    return fmt::format(
        "# bash completion of rvmm {}, made by `rvmm completion bash`.\n"
        "# shellcheck shell=bash disable=SC2034\n\n"
        "_rvmm_command() {{\n    case $1 in\n{}    esac\n}}\n\n"
        "_rvmm_value() {{\n    case $1 in\n{}    esac\n}}\n{}",
        kVersion, commands, values, kBashFunction);
}

}  // namespace rvmm::cli
