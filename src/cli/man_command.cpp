#include "cli/man_command.hpp"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <system_error>

#include <unistd.h>

#include "base/exit_code.hpp"
#include "base/text.hpp"
#include "cli/man_page.hpp"
#include "cli/output.hpp"

namespace rvmm::cli {
namespace {

namespace fs = std::filesystem;

struct ManOptions {
    std::vector<std::string> command;
    std::string output;
};

/// The command that `words` lead to from `root`.
Result<const CommandNode*> find_command(const CommandNode& root,
                                        const std::vector<std::string>& words) {
    const CommandNode* node = &root;
    for (const std::string& word : words) {
        const auto found = std::ranges::find(
            node->commands, word, [](const CommandNode& command) { return command.path.back(); });
        if (found == node->commands.end()) {
            Error error(Stage::kUsage,
                        fmt::format("{} has no command {}", joined(node->path, " "), word));
            std::vector<std::string_view> names;
            names.reserve(node->commands.size());
            for (const CommandNode& command : node->commands) names.push_back(command.path.back());
            if (const auto near = nearest(word, names))
                error = std::move(error).with_advice(fmt::format("did you mean {}?", *near));
            return std::unexpected(std::move(error));
        }
        node = &*found;
    }
    return node;
}

/// Every page as a new file. Errors: one is there already; then none is written.
Result<> write_pages(const CommandNode& root, const std::string& folder) {
    std::vector<NewFile> files;  // gone again unless they are finished
    for (const CommandNode* node : all_commands(root)) {
        const std::string path = fmt::format("{}/{}.1", folder, man_page_name(*node));
        RVMM_TRY(NewFile file, NewFile::create(path, "manual page"));
        RVMM_CHECK(file.write(man_page(root, *node)));
        RVMM_CHECK(file.flush());
        files.push_back(std::move(file));
    }
    for (NewFile& file : files) RVMM_CHECK(file.finish());
    return {};
}

/// Makes `folder` and those above it that are not there; they are gone again unless keep() is
/// called, as far as nothing else is in them.
class NewFolders {
  public:
    Result<> make(const fs::path& folder) {
        std::error_code error;
        if (fs::is_directory(folder, error)) return {};
        if (folder.has_parent_path() && folder.has_relative_path())
            RVMM_CHECK(make(folder.parent_path()));
        if (fs::create_directory(folder, error)) made_.push_back(folder);
        if (!error) return {};
        return fail(Stage::kUsage, "cannot create the folder {}: {}", folder.native(),
                    error.message());
    }
    void keep() { made_.clear(); }
    NewFolders() = default;
    NewFolders(const NewFolders&) = delete;
    NewFolders& operator=(const NewFolders&) = delete;
    ~NewFolders() {
        for (auto folder = made_.rbegin(); folder != made_.rend(); ++folder)
            ::rmdir(folder->c_str());
    }

  private:
    std::vector<fs::path> made_;
};

Result<> write_folder(const CommandNode& root, const std::string& folder) {
    NewFolders folders;
    RVMM_CHECK(folders.make(folder));
    RVMM_CHECK(write_pages(root, folder));
    folders.keep();
    return {};
}

Result<int> man(const CLI::App& app, const ManOptions& options) {
    const CommandNode root = command_tree(app);
    if (options.output.empty()) {
        RVMM_TRY(const CommandNode* node, find_command(root, options.command));
        RVMM_CHECK(print(man_page(root, *node), "the manual page"));
    } else {
        RVMM_CHECK(write_folder(root, options.output));
    }
    return to_int(ExitCode::kShutdown);
}

constexpr const char* kManExamples = R"(Examples:
  rvmm man | man -l -                 read the page of rvmm itself
  rvmm man token verify | man -l -    that of a command
  rvmm man --output ~/.local/share/man/man1)";

}  // namespace

void add_man_command(CLI::App& app, CommandResult& result) {
    auto options = std::make_shared<ManOptions>();
    CLI::App* command =
        app.add_subcommand("man", "The manual page of rvmm or of one of its commands");
    CLI::Option* name =
        command->add_option("COMMAND", options->command, "The command: \"run\", \"token verify\"")
            ->type_name("WORD");
    command
        ->add_option("--output", options->output,
                     "Write all pages, as new files, into this folder; it is made if need be")
        ->type_name("DIR")
        ->excludes(name);
    command->footer(kManExamples);
    command->callback([&app, options, &result] { result.value = man(app, *options); });
}

}  // namespace rvmm::cli
