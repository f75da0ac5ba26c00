// A small program with one of each kind of command and argument, as CLI11 defines them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace rvmm::cli {

struct SampleProgram {
    SampleProgram() {
        CLI::App* go = app.add_subcommand("go", "Start it: don't wait [now]");
        go->add_option("config", text, "The config")->type_name("FILE")->required();
        go->add_option("--host", text, "Where it's run: \"here\" or there")
            ->check(CLI::IsMember({"cca", "lab"}));
        go->add_option("-o,--output", text, "A folder")->type_name("DIR");
        go->add_option("--set", many, "KEY=VALUE")->type_name("KEY=VALUE")->take_all();
        go->add_option("--name", text, "Whatever");
        go->add_option("--count", number, "How many")->check(CLI::Range(1, 9));
        go->add_flag("--fast", flag, "No time to lose \\ at all");
        go->add_flag("--secret", flag, "For nobody")->group("");
        CLI::App* group = app.add_subcommand("group", "Commands of their own");
        group->add_subcommand("inner", "One of them")->prefix_command();
        group->add_subcommand("hidden", "For nobody")->group("");
        // After the commands: those that are added later inherit it.
        app.footer("Examples:\n  rvmm go a.cfg\n\nAnd this is said besides.");
    }

    CLI::App app{"A program.", "rvmm"};
    std::string text;
    std::vector<std::string> many;
    int number = 0;
    bool flag = false;
};

}  // namespace rvmm::cli
