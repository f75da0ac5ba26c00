// A client that has nothing in common with rvmm.
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

#include "vmm/control/control_bench.hpp"
#include "vmm/control/run_names.hpp"

namespace rvmm::vmm {
namespace {

TEST(PythonClient, SpeaksToTheServerAsTheSpecificationHasIt) {
    const std::string path = ::testing::TempDir() + "rvmm-python-" + std::to_string(::getpid());
    ControlBench bench;
    auto socket = listen_at(path);
    ASSERT_TRUE(socket) << socket.error().message();
    ASSERT_TRUE(bench.server().listen(*std::move(socket)));
    std::atomic<int> status{-1};
    std::thread client([&] {
        status = std::system(  // NOLINT(concurrency-mt-unsafe,cert-env33-c)
            fmt::format("python3 {}/../vmm/control/qmp_client.py {} >{}.out", RVMM_TEST_DATA, path,
                        path)
                .c_str());
    });
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (status == -1 && std::chrono::steady_clock::now() < deadline)
        bench.loop().run_one_for(std::chrono::milliseconds(10));
    bench.server().close(std::chrono::seconds(1));
    client.join();
    ::unlink(path.c_str());
    std::stringstream out;
    out << std::ifstream(path + ".out").rdbuf();
    ::unlink((path + ".out").c_str());
    EXPECT_EQ(status, 0);
    EXPECT_EQ(out.str(), R"(greeting ['capabilities', 'version']
CommandNotFound
{}
query-status {'running': True, 'singlestep': False, 'status': 'running'}
event STOP ['microseconds', 'seconds']
stop {}
query-status {'running': False, 'singlestep': False, 'status': 'paused'}
event RESUME ['microseconds', 'seconds']
cont {}
event POWERDOWN ['microseconds', 'seconds']
system_powerdown {}
no-such CommandNotFound
quit {}
)");
    EXPECT_EQ(bench.target.quits, 1);
}

}  // namespace
}  // namespace rvmm::vmm
