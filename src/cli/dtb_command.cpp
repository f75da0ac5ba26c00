#include "cli/dtb_command.hpp"

#include <algorithm>
#include <memory>

#include "base/exit_code.hpp"
#include "cli/image_arguments.hpp"
#include "cli/output.hpp"
#include "realm/layout/dts.hpp"

namespace rvmm::cli {
namespace {

struct DtbOptions {
    ImageArguments image;
    std::string output;
    bool dts = false;
};

/// Writes to the file of --output, or to standard output.
Result<> emit(const DtbOptions& options, std::string_view text) {
    if (options.output.empty()) return print(text, "the device tree");
    RVMM_TRY(NewFile file, NewFile::create(options.output, "device tree"));
    RVMM_CHECK(file.write(text));
    return file.finish();
}

Result<int> run(const DtbOptions& options) {
    if (options.output.empty() && !options.dts && stdout_is_terminal())
        return std::unexpected(Error(Stage::kUsage, "a device tree is no text for a terminal")
                                   .with_advice("--dts shows it, --output FILE stores it"));
    RVMM_TRY(const auto plan, make_plan(options.image));
    const auto& blobs = plan.layout().blobs;
    const auto fdt = std::ranges::find(blobs, realm::Blob::Kind::kFdt, &realm::Blob::kind);
    if (fdt == blobs.end()) return fail(Stage::kInternal, "the image has no device tree");
    const ByteSpan bytes = fdt->contents.source();
    if (options.dts) {
        RVMM_TRY(const std::string text, realm::to_dts(bytes));
        RVMM_CHECK(emit(options, text));
    } else {
        RVMM_CHECK(emit(options, {reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
    }
    return to_int(ExitCode::kShutdown);
}

constexpr const char* kDtbExamples = R"(Examples:
  rvmm dtb image.cfg --dts                         read it
  rvmm dtb image.cfg --output image.dtb            store it, in a new file
  rvmm dtb image.cfg --set machine.vcpus=4 | dtc -I dtb -O dts)";

}  // namespace

void add_dtb_command(CLI::App& app, CommandResult& result) {
    auto options = std::make_shared<DtbOptions>();
    CLI::App* command =
        app.add_subcommand("dtb", "The device tree of an image, byte for byte as it is measured");
    add_image_arguments(*command, options->image);
    auto* output = command->add_option("--output", options->output, "Write it to this new file")
                       ->type_name("FILE");
    command->add_flag("--dts", options->dts, "As source text")->excludes(output);
    command->footer(kDtbExamples);
    command->callback([options, &result] { result.value = run(*options); });
}

}  // namespace rvmm::cli
