#include "vmm/net/tap.hpp"

#include <cerrno>
#include <fstream>
#include <optional>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include "devices/net/tap_backend.hpp"

namespace rvmm::vmm {
namespace {

using devices::Offloads;
using devices::TapBackend;

struct TunOffload {
    bool Offloads::* offload;
    unsigned flag;
};
constexpr std::array<TunOffload, 5> kTunOffloads = {{
    {&Offloads::checksum, TUN_F_CSUM},
    {&Offloads::tso4, TUN_F_TSO4},
    {&Offloads::tso6, TUN_F_TSO6},
    {&Offloads::ecn, TUN_F_TSO_ECN},
    {&Offloads::ufo, TUN_F_UFO},
}};

bool set_tun_offloads(int fd, const Offloads& offloads) {
    unsigned flags = 0;
    for (const TunOffload& known : kTunOffloads)
        if (offloads.*known.offload) flags |= known.flag;
    return ::ioctl(fd, TUNSETOFFLOAD, static_cast<unsigned long>(flags)) == 0;
}

/// What this kernel's taps can do; nothing is set afterwards.
Offloads known_offloads(int fd) {
    Offloads offloads;
    for (const TunOffload& known : kTunOffloads) {
        offloads.*known.offload = true;
        offloads.*known.offload = set_tun_offloads(fd, offloads);
    }
    set_tun_offloads(fd, {});
    return offloads;
}

void set_tun_queue(int fd, bool attached) {
    ifreq request = {};
    request.ifr_flags = attached ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE;
    ::ioctl(fd, TUNSETQUEUE, &request);
}

Result<std::unique_ptr<TapBackend>> make_backend(asio::io_context& loop, UniqueFd fd,
                                                 unsigned flags, std::string_view name) {
    TapBackend::Control control;
    if ((flags & IFF_VNET_HDR) != 0) {
        int size = devices::NetBackend::kHeaderSize;
        int little_endian = 1;
        if (::ioctl(fd.get(), TUNSETVNETHDRSZ, &size) != 0 ||
            ::ioctl(fd.get(), TUNSETVNETLE, &little_endian) != 0)
            return fail_errno(Stage::kHostCannot, errno, "cannot set up tap {}", name);
        control.headers = true;
        control.offloads = known_offloads(fd.get());
        control.set_offloads = set_tun_offloads;
    }
    if ((flags & IFF_MULTI_QUEUE) != 0) control.attach = set_tun_queue;
    return TapBackend::create(loop, std::move(fd), std::move(control));
}

std::string how_to_make(const std::string& name, bool multi_queue) {
    return fmt::format("make one: ip tuntap add {} mode tap{} user $USER && ip link set {} up",
                       name, multi_queue ? " multi_queue" : "", name);
}

Result<UniqueFd> open_tun() {
    UniqueFd fd(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
    if (fd) return fd;
    const int error_number = errno;
    auto error = Error::from_errno(Stage::kHostCannot, "cannot open /dev/net/tun", error_number);
    const bool missing = error_number == ENOENT || error_number == ENODEV || error_number == ENXIO;
    return std::unexpected(std::move(error).with_advice(
        missing
            ? "load the kernel's module: modprobe tun"
            : "let your user open it: chmod 666 /dev/net/tun (a tap has an owner all the same)"));
}

/// The flags of an interface that is a tun or a tap, where sysfs shows them.
std::optional<unsigned> tun_flags(const std::string& name) {
    std::ifstream file("/sys/class/net/" + name + "/tun_flags");
    unsigned flags = 0;
    if (!(file >> std::hex >> flags)) return std::nullopt;
    return flags;
}

Error refused(const std::string& name, bool multi_queue, int error_number) {
    switch (error_number) {
        case EPERM:
            return Error(Stage::kHostCannot, fmt::format("tap {} is another user's", name))
                .with_advice(how_to_make(name, multi_queue));
        case EBUSY:
            return Error(Stage::kHostCannot, fmt::format("tap {} is in use", name))
                .with_advice("end what uses it, or use another one");
        case E2BIG:
            return Error(Stage::kHostCannot,
                         fmt::format("tap {} has no such number of queues free", name))
                .with_advice("use fewer queues");
        case EINVAL: {
            const auto flags = tun_flags(name);
            const bool tap = flags && (*flags & IFF_TAP) != 0;
            return Error(Stage::kHostCannot,
                         tap ? fmt::format("tap {} is not made for several queues", name)
                             : fmt::format("{} is not a tap", name))
                .with_advice(how_to_make(name, multi_queue));
        }
        default:
            return Error::from_errno(Stage::kHostCannot, fmt::format("cannot open tap {}", name),
                                     error_number);
    }
}

/// Opens one queue; returns the flags that it was opened with.
Result<unsigned> attach_queue(int fd, const std::string& name, bool multi_queue) {
    ifreq request = {};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    unsigned flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (multi_queue ? IFF_MULTI_QUEUE : 0);
    request.ifr_flags = static_cast<short>(flags);
    if (::ioctl(fd, TUNSETIFF, &request) == 0) return flags;
    if (errno == EINVAL && !multi_queue) {
        // One that is made for several queues takes one as well.
        flags |= IFF_MULTI_QUEUE;
        request.ifr_flags = static_cast<short>(flags);
        if (::ioctl(fd, TUNSETIFF, &request) == 0) return flags;
        errno = EINVAL;
    }
    return std::unexpected(refused(name, multi_queue, errno));
}

}  // namespace

Result<NetBackends> open_tap(asio::io_context& loop, const std::string& name, unsigned queues) {
    const bool multi_queue = queues > 1;
    if (const auto usable = open_tun(); !usable) return std::unexpected(usable.error());
    // Without this check, the kernel makes one for a privileged user: nothing would be behind it.
    if (name.empty() || name.size() >= IFNAMSIZ || ::if_nametoindex(name.c_str()) == 0)
        return std::unexpected(Error(Stage::kHostCannot, fmt::format("there is no tap {}", name))
                                   .with_advice(how_to_make(name, multi_queue)));
    NetBackends backends;
    for (unsigned i = 0; i < queues; ++i) {
        RVMM_TRY(UniqueFd fd, open_tun());
        RVMM_TRY(const unsigned flags, attach_queue(fd.get(), name, multi_queue));
        RVMM_TRY(auto backend, make_backend(loop, std::move(fd), flags, name));
        backends.push_back(std::move(backend));
    }
    return backends;
}

Result<NetBackends> adopt_tap(asio::io_context& loop, std::span<const int> fds) {
    NetBackends backends;
    for (const int number : fds) {
        // A copy: the number stays whoever's it was.
        UniqueFd fd(::fcntl(number, F_DUPFD_CLOEXEC, 3));
        ifreq request = {};
        const bool is_tap =
            fd && ::ioctl(fd.get(), TUNGETIFF, &request) == 0 && (request.ifr_flags & IFF_TAP) != 0;
        if (!is_tap)
            return std::unexpected(
                Error(Stage::kHostCannot, fmt::format("descriptor {} is not a tap", number))
                    .with_advice("start rvmm with an open tap under this number"));
        ::fcntl(number, F_SETFD, FD_CLOEXEC);
        const auto flags = static_cast<unsigned>(static_cast<unsigned short>(request.ifr_flags));
        // TUNGETIFF has another meaning for IFF_NO_PI's bit (IFF_NOFILTER).
        if ((tun_flags(request.ifr_name).value_or(IFF_NO_PI) & IFF_NO_PI) == 0)
            return std::unexpected(
                Error(Stage::kHostCannot,
                      fmt::format("the tap under descriptor {} has packet information", number))
                    .with_advice("open it with IFF_NO_PI (and IFF_VNET_HDR, for speed)"));
        RVMM_TRY(auto backend, make_backend(loop, std::move(fd), flags, std::to_string(number)));
        backends.push_back(std::move(backend));
    }
    return backends;
}

}  // namespace rvmm::vmm
