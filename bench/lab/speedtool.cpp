// What bench/devices measures with, in a guest and beside it: one static program.
//
//   speedtool read FILE BLOCK SECONDS [THREADS]    reads at random (BLOCK 0: 1 MiB, in order)
//   speedtool bulk PORT                            takes connections, and reads or writes, for ever
//   speedtool bulk PORT ADDRESS to|from SECONDS    how much goes to or from a `bulk PORT` by TCP
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

[[noreturn]] void die(const char* what) {
    std::perror(what);
    std::exit(1);
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Reads for so long; how many.
std::uint64_t read_blocks(const char* file, std::size_t block, bool in_order, double seconds,
                          unsigned seed) {
    const int fd = ::open(file, O_RDONLY | O_DIRECT);
    const off_t size = fd < 0 ? -1 : ::lseek(fd, 0, SEEK_END);
    if (size < static_cast<off_t>(block)) die(file);
    void* buffer = std::aligned_alloc(4096, block);
    const std::uint64_t blocks = static_cast<std::uint64_t>(size) / block;
    std::mt19937_64 random(seed);
    std::uint64_t done = 0;
    const auto begin = std::chrono::steady_clock::now();
    while (seconds_since(begin) < seconds) {
        const std::uint64_t at = (in_order ? done : random()) % blocks;
        if (::pread(fd, buffer, block, static_cast<off_t>(at * block)) !=
            static_cast<ssize_t>(block))
            die("pread");
        ++done;
    }
    std::free(buffer);
    ::close(fd);
    return done;
}

int read_speed(const char* file, std::size_t block, double seconds, unsigned count) {
    const bool in_order = block == 0;
    if (in_order) block = 1 << 20;
    std::vector<std::uint64_t> done(count);
    std::vector<std::thread> threads;
    const auto begin = std::chrono::steady_clock::now();
    for (unsigned i = 0; i < count; ++i)
        threads.emplace_back(
            [&, i] { done[i] = read_blocks(file, block, in_order, seconds, i + 1); });
    for (std::thread& thread : threads) thread.join();
    const double took = seconds_since(begin);
    const auto all =
        static_cast<double>(std::accumulate(done.begin(), done.end(), std::uint64_t{0}));
    std::printf("%s %zu %u %.1f reads/s %.1f MB/s\n", in_order ? "sequential" : "random", block,
                count, all / took, all * static_cast<double>(block) / took / 1e6);
    return 0;
}

constexpr std::size_t kBulkPiece = 128 << 10;

sockaddr_in internet(const char* address, int port) {
    sockaddr_in at = {};
    at.sin_family = AF_INET;
    at.sin_port = htons(static_cast<std::uint16_t>(port));
    at.sin_addr.s_addr = ::inet_addr(address);
    return at;
}

/// The client's first byte says who writes.
void serve_bulk(int fd) {
    std::vector<char> piece(kBulkPiece);
    char who = 0;
    const bool writes = ::read(fd, &who, 1) == 1 && who == 'f';
    while (writes && ::write(fd, piece.data(), piece.size()) > 0) {
    }
    while (::read(fd, piece.data(), piece.size()) > 0) {
    }
    ::close(fd);
}

int serve_bulks(int port) {
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in at = internet("0.0.0.0", port);
    if (listener < 0 || ::bind(listener, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 ||
        ::listen(listener, 16) != 0)
        die("bulk");
    for (int fd = 0; (fd = ::accept(listener, nullptr, nullptr)) >= 0;)
        std::thread(serve_bulk, fd).detach();
    return 1;
}

int bulk(int port, const char* address, const std::string& direction, double seconds) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in at = internet(address, port);
    if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) die(address);
    if (::write(fd, direction.data(), 1) != 1) die("bulk");
    std::vector<char> piece(kBulkPiece);
    std::uint64_t bytes = 0;
    const auto begin = std::chrono::steady_clock::now();
    while (seconds_since(begin) < seconds) {
        const ssize_t n = direction == "to" ? ::write(fd, piece.data(), piece.size())
                                            : ::read(fd, piece.data(), piece.size());
        if (n <= 0) die("bulk");
        bytes += static_cast<std::uint64_t>(n);
    }
    // What was written has to arrive: the other side closes then.
    if (direction == "to" && (::shutdown(fd, SHUT_WR) != 0 || ::read(fd, piece.data(), 1) != 0))
        die("bulk");
    std::printf("%s %.1f MB/s\n", direction.c_str(),
                static_cast<double>(bytes) / seconds_since(begin) / 1e6);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    const std::vector<std::string> args(argv + 1, argv + argc);
    if ((args.size() == 4 || args.size() == 5) && args[0] == "read")
        return read_speed(argv[2], static_cast<std::size_t>(std::atol(argv[3])), std::atof(argv[4]),
                          args.size() == 5 ? static_cast<unsigned>(std::atoi(argv[5])) : 1);
    if (args.size() == 2 && args[0] == "bulk") return serve_bulks(std::atoi(argv[2]));
    if (args.size() == 5 && args[0] == "bulk")
        return bulk(std::atoi(argv[2]), argv[3], args[3], std::atof(argv[5]));
    std::fputs(
        "usage: speedtool read FILE BLOCK SECONDS [THREADS] | bulk PORT [ADDRESS to|from "
        "SECONDS]\n",
        stderr);
    return 64;
}
