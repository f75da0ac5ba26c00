#include "fake_kvm/host_memory.hpp"

#include <cstdio>
#include <fstream>

#include <sys/uio.h>
#include <unistd.h>

namespace rvmm::vmm::fake {
namespace {

struct Area {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    char permissions[5] = {};
};

std::optional<Area> area_of(const std::string& line) {
    Area area;
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &area.begin, &area.end, area.permissions) != 3)
        return std::nullopt;
    return area;
}

Backing look_up(const char* file, std::uint64_t address, std::uint64_t size) {
    Backing backing;
    std::ifstream maps(file);
    std::uint64_t next = address;
    bool inside = false;
    for (std::string line; std::getline(maps, line);) {
        if (const auto area = area_of(line)) {
            inside = area->begin < address + size && area->end > address;
            if (!inside) continue;
            if (area->begin > next) backing.mapped = false;
            next = area->end;
            backing.writable = backing.writable && area->permissions[1] == 'w';
            backing.shared = backing.shared && area->permissions[3] == 's';
        } else if (inside && line.starts_with("THPeligible:") && line.ends_with('1')) {
            backing.huge_pages = true;
        }
    }
    backing.mapped = backing.mapped && next >= address + size;
    return backing;
}

}  // namespace

bool read_user(std::uint64_t address, MutableByteSpan out) {
    const iovec to = {out.data(), out.size()};
    const iovec from = {reinterpret_cast<void*>(address), out.size()};
    return ::process_vm_readv(::getpid(), &to, 1, &from, 1, 0) == static_cast<ssize_t>(out.size());
}

bool write_user(std::uint64_t address, ByteSpan bytes) {
    const iovec from = {const_cast<std::byte*>(bytes.data()), bytes.size()};
    const iovec to = {reinterpret_cast<void*>(address), bytes.size()};
    return ::process_vm_writev(::getpid(), &from, 1, &to, 1, 0) ==
           static_cast<ssize_t>(bytes.size());
}

Backing backing_of(std::uint64_t address, std::uint64_t size) {
    return look_up("/proc/self/maps", address, size);
}

Backing full_backing_of(std::uint64_t address, std::uint64_t size) {
    return look_up("/proc/self/smaps", address, size);
}

}  // namespace rvmm::vmm::fake
