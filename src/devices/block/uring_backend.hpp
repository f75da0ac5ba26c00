// A disk's I/O through io_uring: what is queued goes to the kernel in one call, and one event tells
// of all that is done. Source: io_uring(7), io_uring_enter(2).
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include <asio/steady_timer.hpp>

#include "devices/block/backend.hpp"
#include "devices/block/block_file.hpp"
#include "devices/block/loop_event.hpp"

struct io_uring;

namespace rvmm::devices {

class UringBackend final : public BlockBackend {
  public:
    /// `depth`: 1 to 32768. Errors (Stage::kHostCannot): the kernel has no io_uring, one that is
    /// too old, or forbids it, as containers do.
    static Result<std::unique_ptr<BlockBackend>> create(asio::io_context& loop,
                                                        std::shared_ptr<const BlockFile> file,
                                                        unsigned depth);
    ~UringBackend() override;

    Shape shape() const override;
    std::string_view kind() const override { return "io_uring"; }
    void set_client(Client& client) override { client_ = &client; }
    void queue(BlockRequest& request) override;
    void submit() override;

  private:
    struct Close {
        void operator()(io_uring* ring) const;
    };
    using Ring = std::unique_ptr<io_uring, Close>;
    static Result<Ring> open_ring(unsigned depth);

    UringBackend(asio::io_context& loop, std::shared_ptr<const BlockFile> file, Ring ring,
                 unsigned depth);
    void prepare(BlockRequest& request);
    void push();
    void reap();
    /// Takes what the kernel has done; true if some of it goes on.
    bool harvest();

    std::shared_ptr<const BlockFile> file_;
    Ring ring_;
    std::optional<LoopEvent> event_;
    asio::steady_timer retry_;
    bool retrying_ = false;
    unsigned depth_;
    unsigned in_flight_ = 0;
    bool reaping_ = false;
    Client* client_ = nullptr;
    std::vector<BlockRequest*> done_;
    const std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace rvmm::devices
