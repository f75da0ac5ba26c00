// A queue of a tap: a descriptor that takes and gives one packet a call. Who opened it configured
// it, and is asked for what takes an ioctl. Source: Linux's Documentation/networking/tuntap.
#pragma once

#include <functional>
#include <memory>

#include "devices/net/fd_watch.hpp"
#include "devices/net/net_backend.hpp"

namespace rvmm::devices {

class TapBackend final : public NetBackend, private FdWatch::Owner {
  public:
    struct Control {
        bool headers = false;  // packets begin with a virtio_net_hdr_v1
        Offloads offloads = {};
        std::function<void(int fd, const Offloads&)> set_offloads = {};
        std::function<void(int fd, bool attached)> attach = {};
    };
    /// Takes `fd`. Errors (Stage::kHostCannot): it cannot be waited for.
    static Result<std::unique_ptr<TapBackend>> create(asio::io_context& loop, UniqueFd fd,
                                                      Control control);

    void set_user(User* user) override { user_ = user; }
    bool link_up() const override { return watch_.fd() >= 0; }
    bool has_headers() const override { return control_.headers; }
    Offloads offloads() const override { return control_.offloads; }
    void set_offloads(const Offloads& offloads) override;
    void attach(bool attached) override;
    Sent send(std::span<const iovec> packet) override;
    void await_sendable() override { watch_.await_writable(); }
    std::optional<std::size_t> receive(std::span<const iovec> room) override;
    void await_receivable() override { watch_.await_readable(); }

  private:
    TapBackend(FdWatch watch, Control control)
        : watch_(std::move(watch)), control_(std::move(control)) {
        watch_.set_owner(*this);
    }
    void readable() override;
    void writable() override;

    FdWatch watch_;
    Control control_;
    User* user_ = nullptr;
    bool attached_ = true;
};

}  // namespace rvmm::devices
