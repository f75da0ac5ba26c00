#include "cli/foreign_options.hpp"

#include <string>

#include "base/text.hpp"

namespace rvmm::cli {
namespace {

using realm::ForeignRealm;
using realm::ForeignVmm;

void add_files(CLI::App& command, realm::ForeignImage& image, CLI::Option* layout) {
    const auto file = [&](const char* name, auto& path, const char* help) {
        return command
            .add_option_function<std::string>(
                name, [&path](const std::string& text) { path = text; }, help)
            ->type_name("FILE")
            ->needs(layout);
    };
    layout->needs(file("--dtb", image.dtb, "With --layout: that VMM's own device tree"));
    CLI::Option* kernel = file("--kernel", image.kernel, "With --layout: the kernel");
    file("--firmware", image.firmware, "With --layout qemu: the firmware (-bios)")
        ->excludes(kernel);
    file("--initrd", image.initrd, "With --layout: the initrd");
    layout->needs(command.add_option("--memory", image.memory, "With --layout: size of RAM")
                      ->transform(CLI::AsSizeValue(false))
                      ->needs(layout));
    command
        .add_flag("--event-log", image.event_log,
                  "With --layout kvmtool: it was started with --measurement-log")
        ->needs(layout);
}

void add_numbers(CLI::App& command, ForeignRealm& realm, CLI::Option* layout) {
    command.add_option("--ipa-bits", realm.ipa_bits, "With --layout: before that VMM's own choice")
        ->needs(layout);
    const auto number = [&](const char* name, std::uint64_t& value, const char* help) {
        command.add_option(name, value, help)->needs(layout)->capture_default_str();
    };
    number("--breakpoints", realm.breakpoints, "With --layout: the host's count");
    number("--watchpoints", realm.watchpoints, "With --layout: the host's count");
    number("--sve-vl", realm.sve_vl, "With --layout: vector length in bits");
    number("--pmu-counters", realm.pmu_counters, "With --layout: 0 for no PMU");
}

}  // namespace

CLI::Option* add_foreign_options(CLI::App& command, ForeignRealm& realm) {
    const auto choice = [&](const char* name, std::vector<std::string> names, auto store,
                            const char* help) {
        return command.add_option_function<std::string>(name, store, help)
            ->check(CLI::IsMember(std::move(names)));
    };
    CLI::Option* layout = choice(
        "--layout", {"kvmtool", "qemu"},
        [&realm](const std::string& vmm) {
            realm.image.vmm = vmm == "qemu" ? ForeignVmm::kQemu : ForeignVmm::kKvmtool;
        },
        "Of a realm that another VMM launches");
    add_files(command, realm.image, layout);
    add_numbers(command, realm, layout);
    choice(
        "--hash", {"sha256", "sha384", "sha512"},
        [&realm](const std::string& name) { realm.hash = measure::parse_hash(name); },
        "With --layout: before that VMM's own choice")
        ->needs(layout);
    choice(
        "--round", {"4K", "64K"},
        [&realm](const std::string& size) { realm.rounding = parse_size(size); },
        "With --layout: what populated ranges are rounded to")
        ->needs(layout);
    return layout;
}

}  // namespace rvmm::cli
