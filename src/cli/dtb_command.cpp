#include "cli/dtb_command.hpp"

#include <algorithm>
#include <memory>

#include <unistd.h>

#include "base/exit_code.hpp"
#include "base/file.hpp"
#include "cli/image_arguments.hpp"
#include "realm/layout/dts.hpp"

namespace rvmm::cli {
namespace {

struct DtbOptions {
    ImageArguments image;
    std::string output;
    bool dts = false;
};

Result<> print(ByteSpan bytes) {
    return write_all(Stage::kLaunch, STDOUT_FILENO, bytes, "the device tree");
}

Result<int> run(const DtbOptions& options) {
    if (options.output.empty() && !options.dts && ::isatty(STDOUT_FILENO) == 1)
        return std::unexpected(Error(Stage::kUsage, "a device tree is no text for a terminal")
                                   .with_advice("--dts shows it, --output FILE stores it"));
    RVMM_TRY(const auto plan, make_plan(options.image));
    const auto& blobs = plan.layout().blobs;
    const auto fdt = std::ranges::find(blobs, realm::Blob::Kind::kFdt, &realm::Blob::kind);
    if (fdt == blobs.end()) return fail(Stage::kInternal, "the image has no device tree");
    const ByteSpan bytes = fdt->contents.source();
    if (options.dts) {
        RVMM_TRY(const std::string text, realm::to_dts(bytes));
        RVMM_CHECK(print(as_bytes(text)));
    } else if (options.output.empty()) {
        RVMM_CHECK(print(bytes));
    } else {
        RVMM_CHECK(write_new_file("device tree", options.output, bytes));
    }
    return to_int(ExitCode::kShutdown);
}

constexpr const char* kFooter = R"(Examples:
  rvmm dtb image.cfg --dts                         read it
  rvmm dtb image.cfg --output image.dtb            store it, in a new file
  rvmm dtb image.cfg --set machine.vcpus=4 | dtc -I dtb -O dts)";

}  // namespace

void add_dtb_command(CLI::App& app, CommandResult& result) {
    auto options = std::make_shared<DtbOptions>();
    CLI::App* command =
        app.add_subcommand("dtb", "The device tree of an image, byte for byte as it is measured");
    add_image_arguments(*command, options->image);
    auto* output = command->add_option("--output", options->output, "Write it to this new file");
    command->add_flag("--dts", options->dts, "As source text")->excludes(output);
    command->footer(kFooter);
    command->callback([options, &result] { result.value = run(*options); });
}

}  // namespace rvmm::cli
