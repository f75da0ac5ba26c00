// What the device tests need inside a Linux, guest or lab host, and busybox has not: one static
// program.
//
//   devtool echo SOCKET...            says "listens", and answers what it is sent, for ever
//   devtool talk ROUNDS SOCKET        makes connections, two at a time, and counts echoed rounds
//   devtool dns NAME ADDRESS          answers queries for NAME's IPv4 address
//   devtool tap NAME                  makes a tap of several queues for nobody, which stays
//   devtool gpio LINE                 waits until the line of gpiochip0 rises
//
// SOCKET is a path, or vsock:CID:PORT.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

[[noreturn]] void die(const char* what) {
    std::perror(what);
    std::exit(1);
}

struct Address {
    sockaddr_storage storage = {};
    socklen_t size = 0;
    sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

Address address_of(const std::string& text) {
    Address address;
    unsigned cid = 0, port = 0;
    if (std::sscanf(text.c_str(), "vsock:%u:%u", &cid, &port) == 2) {
        sockaddr_vm vm = {};
        vm.svm_family = AF_VSOCK;
        vm.svm_cid = cid;
        vm.svm_port = port;
        address.size = sizeof vm;
        std::memcpy(&address.storage, &vm, sizeof vm);
    } else {
        sockaddr_un local = {};
        local.sun_family = AF_UNIX;
        text.copy(local.sun_path, sizeof local.sun_path - 1);
        address.size = sizeof local;
        std::memcpy(&address.storage, &local, sizeof local);
    }
    return address;
}

bool write_all(int fd, const char* data, std::size_t size) {
    while (size > 0) {
        const ssize_t n = ::write(fd, data, size);
        if (n <= 0) return false;
        data += n;
        size -= static_cast<std::size_t>(n);
    }
    return true;
}
bool read_all(int fd, char* data, std::size_t size) {
    while (size > 0) {
        const ssize_t n = ::read(fd, data, size);
        if (n <= 0) return false;
        data += n;
        size -= static_cast<std::size_t>(n);
    }
    return true;
}

void serve_connection(int fd) {
    std::array<char, 65536> buffer;
    for (ssize_t n = 0; (n = ::read(fd, buffer.data(), buffer.size())) > 0;)
        if (!write_all(fd, buffer.data(), static_cast<std::size_t>(n))) break;
    ::close(fd);
}

void echo(const std::string& where) {
    Address address = address_of(where);
    const int listener = ::socket(address.get()->sa_family, SOCK_STREAM, 0);
    if (listener < 0 || ::bind(listener, address.get(), address.size) != 0 ||
        ::listen(listener, 16) != 0)
        die(where.c_str());
    std::puts("listens");
    std::fflush(stdout);
    for (int fd = 0; (fd = ::accept(listener, nullptr, nullptr)) >= 0;)
        std::thread(serve_connection, fd).detach();
}

/// A connection; through a VMM's socket (Firecracker's convention) as "PATH:PORT".
int connect_to(const std::string& where) {
    const std::size_t colon = where.rfind(':');
    const bool through = where[0] == '/' && colon != std::string::npos;
    Address address = address_of(through ? where.substr(0, colon) : where);
    const int fd = ::socket(address.get()->sa_family, SOCK_STREAM, 0);
    if (fd < 0 || ::connect(fd, address.get(), address.size) != 0) die(where.c_str());
    if (!through) return fd;
    const std::string line = "CONNECT " + where.substr(colon + 1) + "\n";
    std::string answer;
    char c = 0;
    write_all(fd, line.data(), line.size());
    while (::read(fd, &c, 1) == 1 && c != '\n') answer += c;
    if (!answer.starts_with("OK ")) die("no OK from the socket");
    return fd;
}

/// One connection that makes `rounds` round trips of different sizes.
bool talk_once(const std::string& where, int rounds, unsigned seed) {
    const int fd = connect_to(where);
    std::mt19937 random(seed);
    bool good = true;
    for (int i = 0; good && i < rounds; ++i) {
        std::string sent(1 + random() % 3000, '\0');
        for (char& c : sent) c = static_cast<char>(random());
        std::string back(sent.size(), '\0');
        good = write_all(fd, sent.data(), sent.size()) && read_all(fd, back.data(), back.size()) &&
               sent == back;
    }
    ::close(fd);
    return good;
}

int talk(int rounds, const std::string& where) {
    std::array<bool, 2> good = {};
    std::thread other([&] { good[1] = talk_once(where, rounds / 2, 2); });
    good[0] = talk_once(where, rounds - rounds / 2, 1);
    other.join();
    std::printf("%s %d round trips\n", good[0] && good[1] ? "ok" : "FAILED", rounds);
    return good[0] && good[1] ? 0 : 1;
}

/// RFC 1035: a query with one question gets the one address, or no such name.
void dns(const std::string& name, const char* dotted) {
    std::string wanted;
    for (std::size_t from = 0; from <= name.size();) {
        const std::size_t dot = std::min(name.find('.', from), name.size());
        wanted += static_cast<char>(dot - from);
        wanted += name.substr(from, dot - from);
        from = dot + 1;
    }
    wanted += '\0';
    const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
    sockaddr_in local = {};
    local.sin_family = AF_INET;
    local.sin_port = htons(53);
    if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&local), sizeof local) != 0)
        die("port 53");
    std::array<char, 512> query;
    sockaddr_in from = {};
    socklen_t size = sizeof from;
    for (ssize_t n = 0; (n = ::recvfrom(fd, query.data(), query.size(), 0,
                                        reinterpret_cast<sockaddr*>(&from), &size)) > 0;) {
        std::string packet(query.data(), static_cast<std::size_t>(n));
        if (packet.size() < 17) continue;
        const std::size_t question = packet.find('\0', 12) + 5;
        if (question > packet.size()) continue;
        const bool is_a = packet[question - 3] == 1;
        const bool found = packet.substr(12, question - 16) == wanted;
        packet.resize(question);
        packet[2] = static_cast<char>(0x84);
        packet[3] = static_cast<char>(found ? 0x80 : 0x83);
        packet[6] = 0;
        packet[7] = found && is_a ? 1 : 0;
        std::fill(packet.begin() + 8, packet.begin() + 12, '\0');
        if (found && is_a) {
            const in_addr_t address = ::inet_addr(dotted);
            packet += std::string("\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4", 12);
            packet.append(reinterpret_cast<const char*>(&address), 4);
        }
        ::sendto(fd, packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
    }
}

constexpr unsigned long kNobody = 65534;

int make_tap(const std::string& name) {
    const int fd = ::open("/dev/net/tun", O_RDWR);
    ifreq request = {};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE;
    if (fd < 0 || ::ioctl(fd, TUNSETIFF, &request) != 0 || ::ioctl(fd, TUNSETOWNER, kNobody) != 0 ||
        ::ioctl(fd, TUNSETPERSIST, 1) != 0)
        die(name.c_str());
    return 0;
}

int wait_for_line(unsigned line) {
    const int chip = ::open("/dev/gpiochip0", O_RDWR);
    gpio_v2_line_request request = {};
    request.offsets[0] = line;
    request.num_lines = 1;
    request.config.flags = GPIO_V2_LINE_FLAG_INPUT | GPIO_V2_LINE_FLAG_EDGE_RISING;
    if (chip < 0 || ::ioctl(chip, GPIO_V2_GET_LINE_IOCTL, &request) != 0) die("gpiochip0");
    std::puts("dev: waits for the key");
    std::fflush(stdout);
    gpio_v2_line_event event = {};
    return read_all(request.fd, reinterpret_cast<char*>(&event), sizeof event) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> args(argv + 1, argv + argc);
    if (args.size() >= 2 && args[0] == "echo") {
        std::vector<std::thread> threads;
        for (std::size_t i = 1; i < args.size(); ++i) threads.emplace_back(echo, args[i]);
        for (std::thread& thread : threads) thread.join();
        return 1;
    }
    if (args.size() == 3 && args[0] == "talk") return talk(std::atoi(args[1].c_str()), args[2]);
    if (args.size() == 3 && args[0] == "dns") dns(args[1], argv[3]);
    if (args.size() == 2 && args[0] == "tap") return make_tap(args[1]);
    if (args.size() == 2 && args[0] == "gpio") {
        return wait_for_line(static_cast<unsigned>(std::atoi(args[1].c_str())));
    }
    std::fputs(
        "usage: devtool echo SOCKET... | talk ROUNDS SOCKET | dns NAME ADDRESS"
        " | tap NAME | gpio LINE\n",
        stderr);
    return 64;
}
