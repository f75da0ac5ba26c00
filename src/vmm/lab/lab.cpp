#include "vmm/lab/lab.hpp"

#include <algorithm>
#include <chrono>
#include <exception>

#include <unistd.h>

#include "base/address.hpp"
#include "vmm/lab/held_signals.hpp"
#include "vmm/lab/memory_file.hpp"
#include "vmm/lab/qemu_process.hpp"
#include "vmm/lab/session.hpp"
#include "vmm/terminal/terminal.hpp"

namespace rvmm::vmm::lab {
namespace {

constexpr std::uint64_t kMebibyte = 1ULL << 20;

Result<> check(const LabRequest& request) {
    if (request.argv.empty()) return fail(Stage::kUsage, "there is no command for the lab");
    const unsigned cpus = request.cpus.value_or(1);
    if (cpus < 1 || cpus > kMostLabCpus)
        return fail(Stage::kUsage, "the lab has 1 to {} CPUs, not {}", kMostLabCpus, cpus);
    if (request.memory && !is_lab_memory(*request.memory))
        return fail(Stage::kUsage, "the lab's memory is 512M to 255G in steps of 1M, not {} bytes",
                    *request.memory);
    for (const std::string& path : request.collect)
        if (!path.starts_with('/'))
            return fail(Stage::kUsage, "{} is not an absolute path in the lab", path);
    return {};
}

/// A terminal program inside needs a terminal outside; else the command gets pipes.
Console console_for(const LabRequest& request) {
    return !request.no_input && ::isatty(STDIN_FILENO) != 0 ? request.console : Console::kPipes;
}

Result<QemuProcess> boot(const LabConfig& config, const LabRequest& request) {
    std::vector<std::string_view> modules;
    if (!request.disks.empty()) modules.emplace_back("virtio_blk");
    if (request.network) modules.emplace_back("virtio_net");
    RVMM_TRY(const LabImage image, build_lab_image(config, request.files, modules));
    RVMM_TRY(const UniqueFd initramfs, make_memory_file("rvmm-lab-initramfs", image.initramfs));
    UniqueFd payload;
    if (!image.payload.empty()) {
        RVMM_TRY(payload, make_memory_file("rvmm-lab-payload", image.payload));
    }
    return QemuProcess::start(config,
                              {.initramfs = initramfs.get(),
                               .initramfs_size = image.initramfs.size(),
                               .payload = payload.get(),
                               .disks = request.disks,
                               .network = request.network,
                               .memory = lab_memory(config.machine, request, image.payload.size()),
                               .cpus = request.cpus.value_or(config.machine.cpus)});
}

/// Raw as long as it lives, where the console asks for that.
Result<std::optional<Terminal>> prepare_terminal(Console console) {
    if (console == Console::kPipes) return std::nullopt;
    const auto output =
        console == Console::kPty ? Terminal::Output::kRaw : Terminal::Output::kProcessed;
    RVMM_TRY(auto terminal, Terminal::make_raw(STDIN_FILENO, output));
    return std::optional<Terminal>(std::move(terminal));
}

Result<LabOutcome> run_heeding_signals(Session& session) {
    const LetSignals let;
    return session.run();
}

}  // namespace

std::uint64_t lab_memory(const LabMachine& machine, const LabRequest& request,
                         std::uint64_t payload) {
    if (request.memory) return *request.memory;
    if (machine.memory) return *machine.memory;
    const std::uint64_t wanted = 1024 * kMebibyte + 2 * payload;
    const std::uint64_t memory = std::max(3072 * kMebibyte, wanted);
    return std::min(align_down(memory, kMebibyte), kMostLabMemory);
}

Result<LabOutcome> run_in_lab(const LabConfig& config, const LabRequest& request) {
    const auto started = std::chrono::steady_clock::now();
    RVMM_CHECK(check(request));
    // Whoever called has things to remove; a Session looks after them.
    const HeldSignals held;
    const Console console = console_for(request);
    RVMM_TRY(const RunMessage run, make_run_message(request, console));
    RVMM_TRY(auto qemu, boot(config, request));
    RVMM_TRY(const auto terminal, prepare_terminal(console));
    try {
        RVMM_TRY(auto session, Session::create(qemu, run, request, console != Console::kPipes,
                                               config.machine.boot_limit));
        auto outcome = run_heeding_signals(*session);
        if (outcome)
            outcome->boot_seconds =
                std::chrono::duration<double>(session->answered_at() - started).count();
        return outcome;
    } catch (const std::exception& exception) {  // Asio's, when a descriptor cannot be watched
        return fail(Stage::kLaunch, "cannot talk to the lab: {}", exception.what());
    }
}

}  // namespace rvmm::vmm::lab
