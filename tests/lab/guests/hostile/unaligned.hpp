// Turns address translation on, so that accesses need not be aligned: without it, all memory is
// Device memory to this CPU. Everything is where it was, and still not cached.
#pragma once

namespace guest::hostile {

/// While it lives, accesses may have any alignment. On one CPU at a time.
class UnalignedAccesses {
  public:
    UnalignedAccesses();
    UnalignedAccesses(const UnalignedAccesses&) = delete;
    UnalignedAccesses& operator=(const UnalignedAccesses&) = delete;
    ~UnalignedAccesses();
};

}  // namespace guest::hostile
