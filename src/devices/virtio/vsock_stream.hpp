// The host's end of a vsock connection: a non-blocking socket, and a buffer for what it does not
// take at once. Bytes go between the socket and the guest's memory, and are copied only if the
// reader on the host is slow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "devices/virtio/chain.hpp"
#include "devices/virtio/vsock_host.hpp"

namespace rvmm::devices::virtio {

/// On the machine's loop. Nothing here waits. Held by one shared_ptr, its owner's.
class VsockStream : public std::enable_shared_from_this<VsockStream> {
  public:
    /// Who is told that something changed; outlives the stream, and does not end it from there.
    class Owner {
      public:
        virtual void stream_changed() = 0;

      protected:
        ~Owner() = default;
    };

    VsockStream(VsockHost::Socket socket, Owner& owner)
        : socket_(std::move(socket)), owner_(owner) {}
    /// Watches for the other end to go away.
    void open();
    /// Lets go of the socket and what is buffered; the owner hears nothing more.
    void close();

    // From the host.

    /// Watches for something to read, until input_ready().
    void watch_input();
    /// There is something to read, or the end.
    bool input_ready() const { return input_ready_; }
    /// Reads to the chain's writable bytes from `offset` on; 0 at the end, or if there is nothing
    /// after all. Watches again when all was read.
    std::size_t read(const Chain& chain, std::size_t offset, std::size_t size);
    /// Looks whether what is ready is the end, without reading.
    void look_for_end();
    /// The host sends nothing more, and all was read or is not wanted.
    bool input_ended() const { return input_ended_ || (input_refused_ && hung_up_); }
    /// The guest reads nothing more.
    void refuse_input();

    // To the host.

    /// Takes `size` of the chain's readable bytes from `offset` on.
    void write(const Chain& chain, std::size_t offset, std::size_t size);
    /// Before anything else; not counted.
    void greet(std::string_view text);
    /// The guest sends nothing more: the host sees the end after what is buffered.
    void end_output();
    /// The host reads nothing more: what is written is dropped.
    bool output_ended() const { return output_ended_; }
    bool drained() const { return buffered() == 0; }
    /// Bytes of write() that the host took, or that were dropped; modulo 2^32.
    std::uint32_t forwarded() const { return forwarded_; }

    /// The other end is closed, both ways.
    bool hung_up() const { return hung_up_; }

  private:
    std::size_t buffered() const { return buffer_.size() - buffer_start_; }
    void keep(const Chain& chain, std::size_t offset, std::size_t size);
    void watch_output();
    void flush();
    void output_failed();
    void check_hang_up();

    template <typename Then>
    void wait(VsockHost::Socket::wait_type what, Then then);

    VsockHost::Socket socket_;
    Owner& owner_;
    bool watching_input_ = false;
    bool watching_output_ = false;
    bool input_ready_ = false;
    bool input_ended_ = false;
    bool input_refused_ = false;
    bool output_ending_ = false;
    bool output_ended_ = false;
    bool hung_up_ = false;
    std::uint32_t forwarded_ = 0;
    // Bounded by the credit of the guest; gives its memory back when it is empty.
    Bytes buffer_;
    std::size_t buffer_start_ = 0;
};

}  // namespace rvmm::devices::virtio
