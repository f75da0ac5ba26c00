#include "devices/block/make_backend.hpp"

#include "devices/block/pool_backend.hpp"
#include "devices/block/uring_backend.hpp"

namespace rvmm::devices {

Result<std::unique_ptr<BlockBackend>> make_block_backend(asio::io_context& loop, BlockFile file,
                                                         unsigned depth) {
    auto shared = std::make_shared<const BlockFile>(std::move(file));
    if (auto made = UringBackend::create(loop, shared, depth)) return made;
    return PoolBackend::create(loop, std::move(shared), depth);
}

}  // namespace rvmm::devices
