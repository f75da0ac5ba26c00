#include "vmm/machine/device_maker.hpp"

#include <array>

#include "base/log.hpp"
#include "devices/block/make_backend.hpp"
#include "devices/net/stream_backend.hpp"
#include "devices/virtio/block.hpp"
#include "devices/virtio/net.hpp"
#include "devices/virtio/rng.hpp"
#include "devices/virtio/vsock.hpp"
#include "vmm/net/tap.hpp"

namespace rvmm::vmm {
namespace {

// By then passt has looked at the host's network, and ended if it cannot use it.
constexpr auto kPasstSettles = std::chrono::seconds(1);

Result<NetBackends> tap_backends(asio::io_context& loop, const realm::NetSpec& spec) {
    if (!spec.tap_fd) return open_tap(loop, spec.tap, spec.queues);
    const std::array<int, 1> fds = {*spec.tap_fd};
    return adopt_tap(loop, fds);
}

}  // namespace

DeviceMaker::Made DeviceMaker::make(const realm::DeviceSpec& spec) {
    auto made = make_device(spec);
    if (made || made.error().message().starts_with(spec.name + ": ")) return made;
    return std::unexpected(std::move(made).error().with_context(spec.name));
}

DeviceMaker::Made DeviceMaker::make_device(const realm::DeviceSpec& spec) {
    const auto& what = spec.what;
    if (const auto* disk = std::get_if<realm::DiskSpec>(&what)) return make_disk(spec.name, *disk);
    if (const auto* net = std::get_if<realm::NetSpec>(&what)) return make_net(spec.name, *net);
    if (const auto* vsock = std::get_if<realm::VsockSpec>(&what))
        return devices::virtio::Vsock::create(loop_, spec.name, vsock->cid, vsock->path);
    if (const auto* console = std::get_if<realm::ConsoleSpec>(&what))
        return consoles_.make_ports(spec.name, *console);
    return std::make_shared<devices::virtio::Rng>(spec.name);
}

DeviceMaker::Made DeviceMaker::make_disk(const std::string& name, const realm::DiskSpec& spec) {
    using devices::BlockFile;
    using devices::virtio::Block;
    RVMM_TRY(auto file, BlockFile::open(spec.path, spec.readonly ? BlockFile::Mode::kReadOnly
                                                                 : BlockFile::Mode::kReadWrite));
    RVMM_TRY(auto backend,
             devices::make_block_backend(loop_, std::move(file), Block::depth_of(spec.queues)));
    return Block::create(std::move(backend),
                         {.name = name, .serial = spec.serial, .queues = spec.queues});
}

DeviceMaker::Made DeviceMaker::make_net(const std::string& name, const realm::NetSpec& spec) {
    NetBackends backends;
    if (spec.backend == realm::NetSpec::Backend::kTap) {
        RVMM_TRY(backends, tap_backends(loop_, spec));
    } else {
        RVMM_TRY(auto socket, passt_socket(spec));
        RVMM_TRY(auto backend, devices::StreamBackend::create(loop_, std::move(socket)));
        backends.push_back(std::move(backend));
    }
    devices::virtio::Net::Config config{.name = name, .mac = spec.mac};
    if (spec.mtu != 0) config.mtu = spec.mtu;
    return devices::virtio::Net::create(std::move(config), std::move(backends));
}

Result<UniqueFd> DeviceMaker::passt_socket(const realm::NetSpec& spec) {
    if (spec.socket) return connect_to_passt(spec.socket->native());
    RVMM_TRY(auto passt, Passt::start());
    UniqueFd socket = passt.take_socket();
    passts_.push_back(std::move(passt));
    check_timer_.expires_after(kPasstSettles);
    check_timer_.async_wait([this](const asio::error_code& error) {
        if (!error) check_passt();
    });
    return socket;
}

void DeviceMaker::check_passt() {
    for (Passt& passt : passts_)
        if (auto runs = passt.check(); !runs) print_error(runs.error());
}

}  // namespace rvmm::vmm
