// Taps: network interfaces of the host whose other end is a guest's. Source: Linux's
// Documentation/networking/tuntap.rst and <linux/if_tun.h>.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include <asio/io_context.hpp>

#include "base/error.hpp"
#include "devices/net/net_backend.hpp"

namespace rvmm::vmm {

using NetBackends = std::vector<std::unique_ptr<devices::NetBackend>>;

/// Opens `queues` queues of the tap `name`, which exists already. Errors (Stage::kHostCannot), each
/// with its remedy: there is no tun driver, or no such interface; it is no tap, or not one for
/// several queues; it is another user's, or in use.
Result<NetBackends> open_tap(asio::io_context& loop, const std::string& name, unsigned queues);

/// The taps (queues of one) that whoever started rvmm has opened under these descriptors. Without
/// IFF_VNET_HDR there are no offloads. Errors (Stage::kHostCannot): one is no tap, or is open
/// without IFF_NO_PI.
Result<NetBackends> adopt_tap(asio::io_context& loop, std::span<const int> fds);

}  // namespace rvmm::vmm
