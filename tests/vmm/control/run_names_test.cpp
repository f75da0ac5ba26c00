#include "vmm/control/run_names.hpp"

#include <array>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/control/run_list.hpp"

namespace rvmm::vmm {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RunNamesTest : public ::testing::Test {
  protected:
    RunNamesTest()
        : root_(fs::path(::testing::TempDir()) / ("rvmm-names-" + std::to_string(::getpid()))) {
        fs::remove_all(root_);
        fs::create_directories(root_);
    }
    ~RunNamesTest() override { fs::remove_all(root_); }

    RuntimeFolder::Surroundings surroundings() const {
        return {.xdg_runtime_dir = root_.native(), .user = ::geteuid()};
    }
    RuntimeFolder folder() const {
        auto opened = RuntimeFolder::open(surroundings());
        EXPECT_TRUE(opened) << opened.error().message();
        return *std::move(opened);
    }
    fs::path file(const std::string& name) const { return root_ / "rvmm" / name; }
    static RunEntry entry(std::string name, ProcessId process = ProcessId::ours()) {
        return {.name = std::move(name),
                .process = process,
                .config = "/a/image.cfg",
                .since = 1'700'000'000,
                .host = "vm"};
    }
    /// Writes an entry with its socket as another process would have.
    void leave(const RunEntry& left) {
        const auto opened = folder();
        std::ofstream(file(left.name + ".json")) << left.to_json();
        std::ofstream(file(left.name + ".sock"));
    }
    std::vector<std::string> names() const {
        std::vector<std::string> found;
        const auto runs = running(folder());
        EXPECT_TRUE(runs);
        for (const RunEntry& run : *runs) found.push_back(run.name);
        return found;
    }
    std::size_t files() const {
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator(root_ / "rvmm"), fs::directory_iterator()));
    }

    fs::path root_;
};

/// A process that has ended.
ProcessId dead_process() {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    const auto process = ProcessId::of(child).value_or(ProcessId{child, 1});
    ::waitpid(child, nullptr, 0);
    return process;
}

unsigned mode_of(const fs::path& path) {
    struct stat status = {};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
    return status.st_mode & 07777;
}

TEST_F(RunNamesTest, Folder_IsWhereTheRulesSay) {
    using S = RuntimeFolder::Surroundings;
    EXPECT_EQ(RuntimeFolder::path_for(S{.xdg_runtime_dir = "/run/user/7", .user = 0}),
              "/run/user/7/rvmm");
    EXPECT_EQ(RuntimeFolder::path_for(S{.xdg_runtime_dir = "", .user = 0}), "/run/rvmm");
    EXPECT_EQ(RuntimeFolder::path_for(S{.xdg_runtime_dir = "relative", .user = 7}), "/tmp/rvmm-7");
}

TEST_F(RunNamesTest, Folder_IsMadeForItsOwnerAndOthersAreRefused) {
    ASSERT_EQ(RuntimeFolder::find(surroundings())->has_value(), false);
    folder();
    EXPECT_EQ(mode_of(root_ / "rvmm"), 0700u);
    const auto refused = [&](std::string_view why) {
        const auto opened = RuntimeFolder::open(surroundings());
        ASSERT_FALSE(opened) << why;
        EXPECT_EQ(opened.error().stage(), Stage::kHostCannot);
        EXPECT_THAT(opened.error().message(), HasSubstr(std::string(why)));
    };
    for (const unsigned mode : {0701U, 0710U, 0770U, 0755U}) {
        ::chmod((root_ / "rvmm").c_str(), mode);
        refused("is open to others");
    }
    fs::remove(root_ / "rvmm");
    fs::create_directory(root_ / "elsewhere");
    ::chmod((root_ / "elsewhere").c_str(), 0700);
    fs::create_directory_symlink(root_ / "elsewhere", root_ / "rvmm");
    refused("is not a folder");
    fs::remove(root_ / "rvmm");
    std::ofstream(root_ / "rvmm") << "file";
    refused("is not a folder");
    fs::remove(root_ / "rvmm");
    fs::create_directory(root_ / "rvmm");
    ::chmod((root_ / "rvmm").c_str(), 0700);
    auto other = surroundings();
    ++other.user;
    const auto opened = RuntimeFolder::open(other);
    ASSERT_FALSE(opened);
    EXPECT_THAT(opened.error().message(), HasSubstr("belongs to somebody else"));
    auto nowhere = surroundings();
    nowhere.xdg_runtime_dir += "/none";
    EXPECT_FALSE(RuntimeFolder::open(nowhere));
}

TEST_F(RunNamesTest, Claim_MakesFilesForTheOwnerAndTakesThemAway) {
    {
        auto claimed = ClaimedName::claim(folder(), entry("web"));
        ASSERT_TRUE(claimed) << claimed.error().message();
        EXPECT_EQ(mode_of(file("web.sock")), 0600u);
        EXPECT_EQ(mode_of(file("web.json")), 0600u);
        EXPECT_TRUE(claimed->take_socket());
        EXPECT_THAT(names(), ElementsAre("web"));
        RunEntry changed = claimed->entry();
        changed.rim = "abcd";
        changed.answers = true;
        ASSERT_TRUE(claimed->update(changed));
        const auto runs = running(folder());
        ASSERT_TRUE(runs);
        EXPECT_EQ(runs->at(0).rim, "abcd");
        EXPECT_TRUE(runs->at(0).answers);
        EXPECT_EQ(runs->at(0).process, ProcessId::ours());
        EXPECT_EQ(runs->at(0).config, "/a/image.cfg");
        EXPECT_EQ(runs->at(0).since, 1'700'000'000);
    }
    EXPECT_EQ(files(), 0u);
}

TEST_F(RunNamesTest, NameOfALivingRun_IsRefusedAndStays) {
    const auto first = ClaimedName::claim(folder(), entry("web"));
    ASSERT_TRUE(first);
    const auto second = ClaimedName::claim(folder(), entry("web"));
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().stage(), Stage::kUsage);
    EXPECT_THAT(second.error().message(), HasSubstr(std::to_string(::getpid())));
    EXPECT_THAT(names(), ElementsAre("web"));
    EXPECT_TRUE(ClaimedName::claim(folder(), entry("web2")));
}

TEST_F(RunNamesTest, NameOfADeadRun_IsFree) {
    ProcessId later = ProcessId::ours();
    ++later.start_time;  // the process with that id is another one now
    for (const ProcessId& process : {dead_process(), later}) {
        leave(entry("web", process));
        const auto claimed = ClaimedName::claim(folder(), entry("web"));
        ASSERT_TRUE(claimed) << claimed.error().message();
    }
    EXPECT_EQ(files(), 0u);
}

TEST_F(RunNamesTest, Claim_RemovesWhatDeadRunsHaveLeft) {
    leave(entry("dead", dead_process()));
    const auto claimed = ClaimedName::claim(folder(), entry("web"));
    ASSERT_TRUE(claimed) << claimed.error().message();
    EXPECT_EQ(files(), 2u);
}

TEST_F(RunNamesTest, List_RemovesWhatDeadRunsHaveLeft) {
    const auto alive = ClaimedName::claim(folder(), entry("alive"));
    ASSERT_TRUE(alive);
    leave(entry("dead", dead_process()));
    std::ofstream(file("lonely.sock"));
    std::ofstream(file(".draft.json"));
    std::ofstream(file("torn.json")) << "{\"pid\":";
    std::ofstream(file("wrong.json")) << R"({"pid":"1","start_time":-1,"socket":7})";
    std::ofstream(file("somebody's.txt"));
    EXPECT_THAT(names(), ElementsAre("alive"));
    EXPECT_EQ(files(), 3u) << "alive's two and the text";
}

TEST_F(RunNamesTest, EntryThatCannotBeRead_StaysAndItsNameIsTaken) {
    folder();
    fs::create_directory(file("web.json"));
    std::ofstream(file("web.sock"));
    EXPECT_THAT(names(), ElementsAre());
    const auto claimed = ClaimedName::claim(folder(), entry("web"));
    ASSERT_FALSE(claimed);
    EXPECT_EQ(claimed.error().stage(), Stage::kUsage);
    EXPECT_THAT(claimed.error().message(), HasSubstr("a run named web may be there: "));
    EXPECT_EQ(files(), 2u);
    EXPECT_TRUE(ClaimedName::claim(folder(), entry("web2")));
}

TEST_F(RunNamesTest, Update_WaitsForWhoReads) {
    auto claimed = ClaimedName::claim(folder(), entry("web"));
    ASSERT_TRUE(claimed);
    RunEntry changed = claimed->entry();
    changed.rim = "abcd";
    const auto reader = folder();
    std::thread writer;
    {
        const auto lock = reader.lock();
        ASSERT_TRUE(lock);
        writer = std::thread([&] { EXPECT_TRUE(claimed->update(changed)); });
        ::usleep(100'000);
        std::ifstream file(this->file("web.json"));
        const std::string text(std::istreambuf_iterator<char>(file), {});
        EXPECT_THAT(text, HasSubstr("\"rim\":null"));
    }
    writer.join();
    EXPECT_EQ(find_run(surroundings(), "web")->rim, "abcd");
}

TEST_F(RunNamesTest, FolderThatCannotBeRead_IsNoEmptyOne) {
    const auto opened = folder();
    const auto alive = ClaimedName::claim(folder(), entry("web"));
    ASSERT_TRUE(alive);
    fs::rename(root_ / "rvmm", root_ / "elsewhere");
    const auto runs = running(opened);
    fs::rename(root_ / "elsewhere", root_ / "rvmm");
    ASSERT_FALSE(runs);
    EXPECT_EQ(runs.error().stage(), Stage::kHostCannot);
    EXPECT_EQ(files(), 2u);
}

TEST_F(RunNamesTest, ProcessThatCannotBeLookedAt_IsNotDead) {
    const ProcessId ours = ProcessId::ours();
    // UBSan needs descriptors to look at a type for the first time.
    const Error known = Error::from_errno(Stage::kHostCannot, "as it will be made", EMFILE);
    EXPECT_EQ(known.error_number(), EMFILE);
    rlimit limit = {};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    rlimit none = limit;
    none.rlim_cur = 0;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    const bool lives = ours.is_alive();
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    EXPECT_TRUE(lives);
}

TEST_F(RunNamesTest, End_RemovesTheEntryLast) {
    auto claimed = ClaimedName::claim(folder(), entry("web"));
    ASSERT_TRUE(claimed);
    const UniqueFd watch(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    ASSERT_GE(::inotify_add_watch(watch.get(), (root_ / "rvmm").c_str(), IN_DELETE), 0);
    {
        const ClaimedName last = *std::move(claimed);
    }
    alignas(inotify_event) std::array<char, 4096> buffer;
    const ssize_t size = ::read(watch.get(), buffer.data(), buffer.size());
    std::vector<std::string> removed;
    for (ssize_t at = 0; at < size;) {
        const auto* event =
            reinterpret_cast<const inotify_event*>(&buffer[static_cast<size_t>(at)]);
        removed.emplace_back(event->name);
        at += static_cast<ssize_t>(sizeof *event + event->len);
    }
    EXPECT_THAT(removed, ElementsAre("web.sock", "web.json"));
}

TEST_F(RunNamesTest, Socket_ThatIsThereOrTooLongIsRefused) {
    const std::string path = (root_ / "s").native();
    const auto socket = listen_at(path);
    ASSERT_TRUE(socket);
    EXPECT_EQ(mode_of(path), 0600u);
    const auto again = listen_at(path);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().stage(), Stage::kUsage);
    EXPECT_FALSE(listen_at(root_.native() + "/" + std::string(120, 'x')));
}

TEST_F(RunNamesTest, UnknownName_IsAnErrorWithTheNamesThereAre) {
    const auto none = find_run(surroundings(), "web");
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().stage(), Stage::kUsage);
    EXPECT_EQ(none.error().advice(), "nothing runs");
    EXPECT_FALSE(fs::exists(root_ / "rvmm")) << "who only asks makes nothing";
    const auto a = ClaimedName::claim(folder(), entry("a"));
    const auto b = ClaimedName::claim(folder(), entry("b"));
    EXPECT_EQ(find_run(surroundings(), "web").error().advice(), "these run: a, b");
    EXPECT_TRUE(find_run(surroundings(), "b"));
}

TEST_F(RunNamesTest, RunThatDoesNotAnswer_IsListedAsThat) {
    auto claimed = ClaimedName::claim(folder(), entry("web"));
    ASSERT_TRUE(claimed);
    auto runs = list_runs(surroundings());
    ASSERT_TRUE(runs);
    EXPECT_EQ(runs->at(0).status, "launching");
    EXPECT_FALSE(ask_run(runs->at(0).entry, "{}", std::chrono::milliseconds(50)));
    RunEntry changed = claimed->entry();
    changed.answers = true;
    changed.config = "/a/\x1b[2J.cfg";
    ASSERT_TRUE(claimed->update(changed));
    runs = list_runs(surroundings());
    EXPECT_EQ(runs->at(0).status, "no answer");
    EXPECT_THAT(to_text(*runs), HasSubstr("no answer"));
    EXPECT_THAT(to_text(*runs), HasSubstr("/a/?[2J.cfg"));
    const auto json = nlohmann::json::parse(to_json(*runs));
    EXPECT_EQ(json.at(0).at("name"), "web");
    EXPECT_EQ(json.at(0).at("pid"), ::getpid());
    EXPECT_EQ(json.at(0).at("rim"), nullptr);
}

TEST_F(RunNamesTest, SocketElsewhereOfADeadRun_IsRemovedUnlessSomebodyListens) {
    const std::string dead = (root_ / "dead.sock").native();
    const std::string alive = (root_ / "alive.sock").native();
    const std::string plain = (root_ / "plain").native();
    EXPECT_TRUE(listen_at(dead)) << "closed again, and the file stays";
    const auto listens = listen_at(alive);
    ASSERT_TRUE(listens);
    std::ofstream(plain) << "mine";
    const ProcessId gone = dead_process();
    for (const auto& [name, socket] :
         {std::pair("a", dead), {"b", alive}, {"c", plain}, {"d", std::string(300, 'x')}}) {
        RunEntry left = entry(name, gone);
        left.socket = socket;
        leave(left);
    }
    EXPECT_THAT(names(), ElementsAre());
    EXPECT_EQ(files(), 0u);
    EXPECT_FALSE(fs::exists(dead));
    EXPECT_TRUE(fs::exists(alive));
    EXPECT_TRUE(fs::exists(plain));
}

TEST_F(RunNamesTest, WaitingForTheEnd_EndsWithTheProcessOrTheTime) {
    EXPECT_TRUE(wait_for_end(entry("a", dead_process()), std::chrono::seconds(0)));
    const auto late = wait_for_end(entry("a"), std::chrono::milliseconds(50));
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().stage(), Stage::kLaunch);
    EXPECT_THAT(late.error().message(), HasSubstr("has not ended within 0.05 s"));
    const pid_t child = ::fork();
    if (child == 0) {
        ::usleep(100'000);
        ::_exit(0);
    }
    const auto process = ProcessId::of(child);
    ASSERT_TRUE(process);
    EXPECT_TRUE(wait_for_end(entry("a", *process), std::chrono::seconds(10)));
    ::waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace rvmm::vmm
