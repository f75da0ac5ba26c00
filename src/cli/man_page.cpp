#include "cli/man_page.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/exit_code.hpp"
#include "base/version.hpp"

namespace rvmm::cli {
namespace {

/// A footer in parts: what it shows after "Examples:", and what it says besides.
struct Footer {
    std::vector<std::string> paragraphs;
    std::string examples;  // lines
};

Footer take_apart(std::string_view text) {
    constexpr std::string_view kExamples = "Examples:\n";
    Footer footer;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find("\n\n"), text.size());
        const std::string_view part = text.substr(0, end);
        if (part.starts_with(kExamples))
            footer.examples += std::string(part.substr(kExamples.size())) + "\n";
        else if (!part.empty())
            footer.paragraphs.emplace_back(part);
        text.remove_prefix(std::min(end + 2, text.size()));
    }
    return footer;
}

std::string bold(std::string_view text) {
    return fmt::format("\\fB{}\\fR", roff_escaped(text));
}

std::string italic(std::string_view text) {
    return fmt::format("\\fI{}\\fR", roff_escaped(text));
}

std::string section(std::string_view title) {
    return fmt::format(".SH {}\n", title);
}

std::string references(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names)
        text +=
            fmt::format(".BR {} (1){}\n", roff_escaped(name), &name == &names.back() ? "" : ",");
    return text;
}

std::string positional_form(const CommandArgument& positional) {
    const std::string name =
        italic(positional.names.front()) + (positional.repeatable ? " ..." : "");
    return positional.required ? name : "[" + name + "]";
}

std::string synopsis(const CommandNode& node) {
    std::string text = bold(joined(node.path, " "));
    if (!node.options.empty()) text += " [" + italic("OPTIONS") + "]";
    for (const CommandArgument& positional : node.positionals)
        text += " " + positional_form(positional);
    if (node.takes_rest) text += " ...";
    if (!node.commands.empty()) text += " " + italic("COMMAND") + " ...";
    return section("SYNOPSIS") + text + "\n";
}

std::string description(const CommandNode& node, const Footer& footer) {
    std::string text = section("DESCRIPTION") + roff_escaped(node.help);
    if (!node.help.ends_with('.')) text += ".";
    for (const std::string& paragraph : footer.paragraphs)
        text += "\n.PP\n" + roff_escaped(paragraph);
    return text + "\n";
}

std::string commands(const CommandNode& node) {
    if (node.commands.empty()) return "";
    std::string text = section("COMMANDS");
    for (const CommandNode& command : node.commands)
        text += fmt::format(".TP\n.BR {} (1)\n{}\n", roff_escaped(man_page_name(command)),
                            roff_escaped(command.help));
    return text;
}

std::string argument_text(const CommandArgument& argument) {
    std::string text = roff_escaped(argument.help);
    std::vector<std::string> remarks;
    if (argument.required) remarks.emplace_back("required");
    if (argument.repeatable) remarks.emplace_back("may be repeated");
    if (!argument.limits.empty()) remarks.push_back(argument.limits);
    if (!argument.default_value.empty())
        remarks.push_back(fmt::format("default: {}", argument.default_value));
    if (!remarks.empty()) text += roff_escaped(fmt::format(" ({})", joined(remarks, "; ")));
    return text + "\n";
}

std::string options(const CommandNode& node) {
    if (node.options.empty() && node.positionals.empty()) return "";
    std::string text = section("OPTIONS");
    for (const CommandArgument& positional : node.positionals) {
        text += ".TP\n" + italic(positional.names.front());
        if (positional.kind == ValueKind::kWord) text += ": " + roff_escaped(positional.value);
        text += "\n" + argument_text(positional);
    }
    for (const CommandArgument& option : node.options) {
        std::vector<std::string> names;
        names.reserve(option.names.size());
        for (const std::string& name : option.names) names.push_back(bold(name));
        text += ".TP\n" + joined(names, ", ");
        if (option.kind == ValueKind::kWord)
            text += " " + bold(option.value);
        else if (option.kind != ValueKind::kNone)
            text += " " + italic(option.value);
        text += "\n" + argument_text(option);
    }
    return text;
}

std::string examples(const Footer& footer) {
    if (footer.examples.empty()) return "";
    return section("EXAMPLES") + ".nf\n" + roff_escaped(footer.examples) + ".fi\n";
}

std::string exit_status() {
    const std::string text = fmt::format(
        "0 is success; 1 to {} belong to a guest.\n"
        "rvmm's own are {} (the command line), {} (the config), {} (a file of the image), {} (this "
        "machine cannot), {} (a bug of rvmm), {} (the launch failed), {} (another measurement than "
        "the expected one), {} (this kind of host is not allowed) and some more.\n"
        "docs/exit-codes.md has the whole table.\n",
        to_int(ExitCode::kGuestStatusMax), to_int(ExitCode::kUsage), to_int(ExitCode::kConfig),
        to_int(ExitCode::kImage), to_int(ExitCode::kHostCannot), to_int(ExitCode::kInternal),
        to_int(ExitCode::kLaunch), to_int(ExitCode::kMeasurement),
        to_int(ExitCode::kHostNotAllowed));
    return section("EXIT STATUS") + roff_escaped(text);
}

bool begins_with(const std::vector<std::string>& path, const std::vector<std::string>& start) {
    return path.size() >= start.size() && std::equal(start.begin(), start.end(), path.begin());
}

/// The commands above and below it, and those beside it.
std::string see_also(const CommandNode& root, const CommandNode& node) {
    const std::vector<std::string> group(node.path.begin(), node.path.end() - 1);
    std::vector<std::string> names;
    for (const CommandNode* other : all_commands(root)) {
        const bool beside =
            other->path.size() == node.path.size() && begins_with(other->path, group);
        if (other != &node &&
            (beside || begins_with(other->path, node.path) || begins_with(node.path, other->path)))
            names.push_back(man_page_name(*other));
    }
    return names.empty() ? "" : section("SEE ALSO") + references(names);
}

}  // namespace

std::string roff_escaped(std::string_view text) {
    std::string escaped;
    bool line_begins = true;
    for (const char c : text) {
        if (line_begins && (c == '.' || c == '\'')) escaped += "\\&";
        line_begins = c == '\n';
        switch (c) {
            case '\\':
                escaped += "\\e";
                break;
            case '-':
                escaped += "\\-";
                break;
            case '\'':
                escaped += "\\(aq";
                break;
            case '"':
                escaped += "\\(dq";
                break;
            case '`':
                escaped += "\\(ga";
                break;
            case '^':
                escaped += "\\(ha";
                break;
            case '~':
                escaped += "\\(ti";
                break;
            default:
                escaped += c;
        }
    }
    return escaped;
}

std::string man_page_name(const CommandNode& node) {
    return joined(node.path, "-");
}

std::string man_page(const CommandNode& root, const CommandNode& node) {
    const Footer footer = take_apart(node.footer);
    std::string title = man_page_name(node);
    std::ranges::transform(title, title.begin(), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    return fmt::format(".TH {} 1 \"\" \"rvmm {}\" \"rvmm\"\n", roff_escaped(title), kVersion) +
           section("NAME") +
           fmt::format("{} \\- {}\n", roff_escaped(man_page_name(node)), roff_escaped(node.help)) +
           synopsis(node) + description(node, footer) + commands(node) + options(node) +
           examples(footer) + exit_status() + see_also(root, node);
}

}  // namespace rvmm::cli
