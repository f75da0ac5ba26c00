// The commands as plain data, taken from their CLI11 definition: what completions and manual pages
// are made of. What is hidden (in the group "") is left out.
#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace rvmm::cli {

/// What an argument takes: its type name in the definition says so.
enum class ValueKind : std::uint8_t {
    kNone,    // nothing: a flag
    kWord,    // one of `members`
    kFolder,  // type name DIR
    kFile,    // type name FILE, or none: a shell offers the names of files
    kOther,   // any other type name: nothing that a shell could offer
};

struct CommandArgument {
    std::vector<std::string> names = {};  // of an option: "-h", "--help"; of a positional: its own
    std::string help = {};
    ValueKind kind = ValueKind::kNone;
    std::string value = {};                 // name of the value: "FILE", "HEX", "text|json"
    std::vector<std::string> members = {};  // kWord
    std::string limits = {};                // what else a validator says of the value
    std::string default_value = {};
    bool required = false;
    bool repeatable = false;
};

struct CommandNode {
    std::vector<std::string> path = {};  // "rvmm", "token", "verify"
    std::string help = {};
    std::string footer = {};
    bool takes_rest = false;  // from its first positional on nothing is an option
    std::vector<CommandArgument> options = {};
    std::vector<CommandArgument> positionals = {};
    std::vector<CommandNode> commands = {};
};

/// The tree below `app`, in the order of definition; `app` is the whole program.
CommandNode command_tree(const CLI::App& app);

/// `root` and all below it, each before its own commands. They live as long as `root`.
std::vector<const CommandNode*> all_commands(const CommandNode& root);

/// The words of `words` with `separator` between them.
std::string joined(const std::vector<std::string>& words, std::string_view separator);

}  // namespace rvmm::cli
