// Makes a virtio device of what the config says of it, with what it needs of the host: opened
// files, taps, sockets, helper programs.
#pragma once

#include <memory>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "devices/virtio/device.hpp"
#include "realm/spec/device_spec.hpp"
#include "vmm/machine/consoles.hpp"
#include "vmm/net/passt.hpp"

namespace rvmm::vmm {

/// On the machine's loop, first of all on the main thread. Outlives the devices.
class DeviceMaker {
  public:
    DeviceMaker(asio::io_context& loop, Consoles& consoles)
        : loop_(loop), consoles_(consoles), check_timer_(loop) {}

    /// Errors begin with the device's name; what the host lacks comes with its remedy.
    Result<std::shared_ptr<devices::virtio::Device>> make(const realm::DeviceSpec& spec);

  private:
    using Made = Result<std::shared_ptr<devices::virtio::Device>>;
    Made make_device(const realm::DeviceSpec& spec);
    Made make_disk(const std::string& name, const realm::DiskSpec& spec);
    Made make_net(const std::string& name, const realm::NetSpec& spec);
    Result<UniqueFd> passt_socket(const realm::NetSpec& spec);
    void check_passt();

    asio::io_context& loop_;
    Consoles& consoles_;
    std::vector<Passt> passts_;
    asio::steady_timer check_timer_;
};

}  // namespace rvmm::vmm
