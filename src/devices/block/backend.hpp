// What does the I/O of a disk without making the machine's loop wait.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "devices/block/request.hpp"

namespace rvmm::devices {

/// On the machine's loop. Its end waits for what is in flight.
class BlockBackend {
  public:
    class Client {
      public:
        /// These are done, and the client's again; one may be begun and queued anew. From submit()
        /// or the loop, never from within itself. The client may end the backend as its last act.
        virtual void completed(std::span<BlockRequest* const> requests) = 0;

      protected:
        ~Client() = default;
    };
    struct Shape {
        std::uint64_t sectors = 0;  // of 512 bytes
        bool read_only = false;
        unsigned depth = 0;  // requests that may be in flight
    };

    virtual ~BlockBackend() = default;
    virtual Shape shape() const = 0;
    /// "io_uring", "threads".
    virtual std::string_view kind() const = 0;
    /// Before the first request; outlives what is in flight.
    virtual void set_client(Client& client) = 0;
    /// Takes a request, within the disk, for the next submit(); it stays where it is until it is
    /// completed. The client sees to it that no more than `depth` are in flight.
    virtual void queue(BlockRequest& request) = 0;
    virtual void submit() = 0;
};

}  // namespace rvmm::devices
