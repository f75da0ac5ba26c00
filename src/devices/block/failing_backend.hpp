// A disk that breaks, for tests of what a guest sees then: from a moment on all I/O fails with EIO,
// and none of it reaches the file.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "devices/block/backend.hpp"
#include "devices/block/loop_event.hpp"

namespace rvmm::devices {

class FailingBackend final : public BlockBackend {
  public:
    /// `broken` is asked at each request, on the loop. Errors (Stage::kLaunch): no event to be had.
    static Result<std::unique_ptr<BlockBackend>> create(asio::io_context& loop,
                                                        std::unique_ptr<BlockBackend> inner,
                                                        std::function<bool()> broken);

    Shape shape() const override { return inner_->shape(); }
    std::string_view kind() const override { return inner_->kind(); }
    void set_client(Client& client) override;
    void queue(BlockRequest& request) override;
    void submit() override;

  private:
    FailingBackend(std::unique_ptr<BlockBackend> inner, std::function<bool()> broken)
        : inner_(std::move(inner)), broken_(std::move(broken)) {}
    void reap();

    std::unique_ptr<BlockBackend> inner_;
    std::function<bool()> broken_;
    std::optional<LoopEvent> event_;
    Client* client_ = nullptr;
    std::vector<BlockRequest*> failed_;
    std::vector<BlockRequest*> reaped_;
};

}  // namespace rvmm::devices
