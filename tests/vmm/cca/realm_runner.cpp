#include "vmm/cca/realm_runner.hpp"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "vmm/cca/cca_realm.hpp"

namespace rvmm::vmm::cca {
namespace {

std::size_t count_entries(const char* folder) {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
    return count;
}

/// Threads of this process. One that was joined is listed a moment longer, as one that is ending
/// (PF_EXITING, 4, of the flags in proc(5)'s stat).
std::size_t count_threads() {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
        std::ifstream file(entry.path() / "stat");
        std::string text;
        if (!std::getline(file, text)) continue;  // it has ended by now
        std::istringstream fields(text.substr(text.rfind(')') + 1));
        std::string skipped;
        for (int field = 3; field < 9; ++field) fields >> skipped;
        unsigned flags = 0;
        fields >> flags;
        if ((flags & 4) == 0) ++count;
    }
    return count;
}

Result<RunReport> run_on(const realm::LaunchPlan& plan, kvm::Driver& driver,
                         const PrepareMachine& prepare, int console_fd) {
    RVMM_TRY(const auto system, kvm::System::open(driver));
    asio::io_context loop(1);
    ConsoleOutput console(loop, console_fd);
    RVMM_TRY(auto vm, probe_realms(system, plan.spec().realm->ipa_bits));
    RVMM_TRY(auto populated, PopulatedRealm::create(plan, std::move(vm)));
    RVMM_TRY(auto running, std::move(populated).activate());
    CcaRealm realm(std::move(running), plan.board().cpus.size(), console);
    RVMM_TRY(const auto machine, Machine::create(plan, realm.take_vm(), realm, loop, console));
    if (prepare) prepare(*machine, loop);
    return machine->run();
}

}  // namespace

TestImages::TestImages() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    std::string name =
        fmt::format("rvmm-{}-{}-{}", test->test_suite_name(), test->name(), ::getpid());
    std::ranges::replace(name, '/', '-');
    folder_ = std::filesystem::path(::testing::TempDir()) / name;
    std::filesystem::create_directory(folder_);
    std::ofstream(folder_ / "kernel") << std::string(5000, 'k');
    std::ofstream(folder_ / "initrd") << std::string(10'000, 'i');
}

TestImages::~TestImages() {
    std::filesystem::remove_all(folder_);
}

realm::RealmSpec TestImages::spec(std::string profile, std::uint32_t vcpus) const {
    realm::RealmSpec spec;
    spec.machine = {vcpus, 64ULL << 20};
    spec.boot.kernel = folder_ / "kernel";
    spec.boot.initrd = folder_ / "initrd";
    spec.realm = realm::RealmParameters{};
    spec.realm->profile = std::move(profile);
    return spec;
}

realm::LaunchPlan TestImages::plan(std::string profile, std::uint32_t vcpus,
                                   const std::function<void(realm::RealmSpec&)>& change) const {
    realm::RealmSpec spec = this->spec(std::move(profile), vcpus);
    if (change) change(spec);
    auto made = realm::LaunchPlan::create(std::move(spec));
    EXPECT_TRUE(made) << made.error().message();
    return *std::move(made);
}

FakeOptions host_of(Revision revision) {
    FakeOptions options;
    switch (revision) {
        case Revision::kV10:
            options.revision = FakeRevision::kV10;
            break;
        case Revision::kV12:
            options.revision = FakeRevision::kV12;
            break;
        case Revision::kV13:
            options.revision = FakeRevision::kV13;
            break;
        case Revision::kV14:
            options.revision = FakeRevision::kV14;
            break;
        case Revision::kV15:
            options.revision = FakeRevision::kV15;
            break;
    }
    return options;
}

std::string profile_of(Revision revision) {
    return std::string(traits(revision).profile_host);
}

RealmRun run_realm(const realm::LaunchPlan& plan, kvm::Driver& driver,
                   const PrepareMachine& prepare) {
    int pipe_fds[2];
    EXPECT_EQ(::pipe(pipe_fds), 0);
    const UniqueFd reader(pipe_fds[0]);
    UniqueFd writer(pipe_fds[1]);
    RealmRun run{run_on(plan, driver, prepare, writer.get()), {}};
    writer.reset();
    char buffer[4096];
    for (ssize_t n = 0; (n = ::read(reader.get(), buffer, sizeof buffer)) > 0;)
        run.console.append(buffer, static_cast<std::size_t>(n));
    return run;
}

FakeKvm::Step type_letter(char letter) {
    return mmio_write(kTestUart, static_cast<unsigned char>(letter), 1);
}

std::vector<FakeKvm::Step> print_by_host_call(std::uint64_t shared_page, std::string text) {
    const std::size_t size = text.size();
    return {change_ripas(*IpaRange::make(Ipa{shared_page}, kPageSize4K), false),
            write_shared(shared_page, std::move(text)),
            smc(0xC600'5201, shared_page | (1ULL << 39), size)};
}

Holdings Holdings::now() {
    Holdings holdings{.threads = count_threads(), .descriptors = count_entries("/proc/self/fd")};
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);)
        if (line.find("memfd:rvmm") != line.npos) ++holdings.guest_mappings;
    return holdings;
}

}  // namespace rvmm::vmm::cca
