// What a launch on a CCA host costs rvmm itself: CPU time from the config to the first KVM_RUN, on
// a fake host whose own work is small, beside the CPU time that reading the same files takes.
//
// 1 GiB of RAM, a kernel of 40 MB and an initrd of 30 MB, four vCPUs; the median of ROUNDS rounds.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <vector>

#include <unistd.h>

#include "base/contents.hpp"
#include "fake_kvm/fake_kvm.hpp"
#include "realm/plan/fold.hpp"
#include "vmm/cca/launch.hpp"

namespace rvmm::vmm {
namespace {

constexpr int kRounds = 7;

double cpu_ms() {
    timespec now = {};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

/// A driver that counts the CPU time of what stands for the kernel.
class TimedDriver final : public kvm::Driver {
    template <class Call>
    auto timed(Call call) {
        const double begin = cpu_ms();
        auto result = call();
        spent_ += cpu_ms() - begin;
        return result;
    }

  public:
    explicit TimedDriver(kvm::Driver& inner) : inner_(inner) {}
    int open_kvm() override {
        return timed([&] { return inner_.open_kvm(); });
    }
    long ioctl(int fd, unsigned long request, std::uintptr_t argument) override {
        return timed([&] { return inner_.ioctl(fd, request, argument); });
    }
    Result<Mapping> map_run(int vcpu_fd, std::size_t size) override {
        return timed([&] { return inner_.map_run(vcpu_fd, size); });
    }
    int punch_hole(int fd, std::uint64_t offset, std::uint64_t size) override {
        return timed([&] { return inner_.punch_hole(fd, offset, size); });
    }
    std::optional<std::uint64_t> module_parameter(std::string_view name) override {
        return inner_.module_parameter(name);
    }
    std::uint64_t page_size() override { return inner_.page_size(); }
    double spent() const { return spent_; }

  private:
    kvm::Driver& inner_;
    double spent_ = 0;
};

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
}

/// The images, in a folder that goes with it.
class Images {
  public:
    Images()
        : folder_(std::filesystem::temp_directory_path() /
                  fmt::format("rvmm-bench-{}", ::getpid())) {
        std::filesystem::create_directory(folder_);
        fill(kernel(), 40'000'000);
        fill(initrd(), 30'000'000);
    }
    ~Images() { std::filesystem::remove_all(folder_); }
    Images(const Images&) = delete;
    std::filesystem::path kernel() const { return folder_ / "kernel"; }
    std::filesystem::path initrd() const { return folder_ / "initrd"; }

  private:
    static void fill(const std::filesystem::path& path, std::size_t size) {
        std::string bytes(size, '\0');
        std::uint64_t state = size;
        for (char& byte : bytes) {
            state = state * 6364136223846793005ULL + 1442695040888963407ULL;
            byte = static_cast<char>(state >> 56);
        }
        std::ofstream(path, std::ios::binary) << bytes;
    }
    std::filesystem::path folder_;
};

struct Round {
    double read = 0;    // CPU ms: the files alone
    double plan = 0;    // reading, laying out
    double fold = 0;    // predicting the RIM
    double launch = 0;  // probing to the first KVM_RUN
    double kernel = 0;  // what the fake does meanwhile, which is not in `launch`
};

Result<Round> round(const Images& images, FakeRevision revision, const std::string& profile) {
    Round times;
    double begin = cpu_ms();
    for (const auto& path : {images.kernel(), images.initrd()})
        RVMM_CHECK(Contents::of_file("image", path, 1ULL << 30, Reading::kOwn));
    times.read = cpu_ms() - begin;

    realm::RealmSpec spec;
    spec.machine = {4, 1ULL << 30};
    spec.boot.kernel = images.kernel();
    spec.boot.initrd = images.initrd();
    spec.realm = realm::RealmParameters{};
    spec.realm->profile = profile;
    begin = cpu_ms();
    RVMM_TRY(const auto plan, realm::LaunchPlan::create(std::move(spec)));
    times.plan = cpu_ms() - begin;
    begin = cpu_ms();
    RVMM_CHECK(realm::fold_rim(plan));
    times.fold = cpu_ms() - begin;

    FakeOptions options;
    options.revision = revision;
    options.hash_pages = false;
    FakeKvm fake(options);
    TimedDriver timed(fake);
    begin = cpu_ms();
    RVMM_TRY(const auto system, kvm::System::open(timed));
    RVMM_TRY(auto vm, cca::probe_realms(system, 40));
    RVMM_TRY(auto populated, cca::PopulatedRealm::create(plan, std::move(vm)));
    RVMM_CHECK(std::move(populated).activate());
    times.launch = cpu_ms() - begin - timed.spent();
    times.kernel = timed.spent();
    return times;
}

int run() {
    const Images images;
    struct Host {
        FakeRevision revision;
        const char* profile;
    };
    for (const Host& host :
         {Host{FakeRevision::kV14, "kvm-v14"}, Host{FakeRevision::kV12, "kvm-v12"},
          Host{FakeRevision::kV10, "kvm-v10"}}) {
        std::vector<double> read, plan, fold, launch, kernel, beyond;
        for (int i = 0; i < kRounds; ++i) {
            const auto times = round(images, host.revision, host.profile);
            if (!times) {
                std::fprintf(stderr, "%s\n", times.error().message().c_str());
                return 1;
            }
            read.push_back(times->read);
            plan.push_back(times->plan);
            fold.push_back(times->fold);
            launch.push_back(times->launch);
            kernel.push_back(times->kernel);
            beyond.push_back(times->plan + times->launch - times->read);
        }
        std::printf(
            "%s: CPU ms: reading the files %.1f; plan %.1f, launch %.1f: %.1f beyond reading; not "
            "in it: the fake kernel %.1f, and a RIM if one is asked for %.1f\n",
            host.profile, median(read), median(plan), median(launch), median(beyond),
            median(kernel), median(fold));
    }
    return 0;
}

}  // namespace
}  // namespace rvmm::vmm

int main() {
    return rvmm::vmm::run();
}
