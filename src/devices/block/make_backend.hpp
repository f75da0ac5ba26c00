// The best way to do a disk's I/O that this host allows.
#pragma once

#include <memory>

#include <asio/io_context.hpp>

#include "devices/block/backend.hpp"
#include "devices/block/block_file.hpp"

namespace rvmm::devices {

/// io_uring, or threads where the kernel lacks or forbids it: see kind(). `loop` outlives it.
/// Errors (Stage::kLaunch): no event to be had.
Result<std::unique_ptr<BlockBackend>> make_block_backend(asio::io_context& loop, BlockFile file,
                                                         unsigned depth);

}  // namespace rvmm::devices
