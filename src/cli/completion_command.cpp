#include "cli/completion_command.hpp"

#include <memory>

#include "base/exit_code.hpp"
#include "cli/completion.hpp"
#include "cli/output.hpp"

namespace rvmm::cli {
namespace {

Result<int> print_completion(const CLI::App& app, const std::string& shell) {
    const CommandNode root = command_tree(app);
    std::string script;
    if (shell == "bash")
        script = bash_completion(root);
    else
        script = shell == "zsh" ? zsh_completion(root) : fish_completion(root);
    RVMM_CHECK(print(script, "the completion"));
    return to_int(ExitCode::kShutdown);
}

constexpr const char* kCompletionExamples = R"(Examples:
  source <(rvmm completion bash)                                 for this shell; bash and zsh
  rvmm completion bash >~/.local/share/bash-completion/completions/rvmm
  rvmm completion zsh >~/.zfunc/_rvmm                            a folder of $fpath
  rvmm completion fish >~/.config/fish/completions/rvmm.fish

The script knows the commands of the rvmm that printed it: print it again after an update.)";

}  // namespace

void add_completion_command(CLI::App& app, CommandResult& result) {
    auto shell = std::make_shared<std::string>();
    CLI::App* command = app.add_subcommand(
        "completion", "A script that lets a shell complete rvmm's command lines");
    command->add_option("SHELL", *shell, "The shell that it is for")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
    command->footer(kCompletionExamples);
    command->callback([&app, shell, &result] { result.value = print_completion(app, *shell); });
}

}  // namespace rvmm::cli
