// The memory that the guest shares with its devices, a page in it that it does not share, and the
// last page of RAM. In an ordinary VM all of it is just memory.
//
// Addresses of shared memory carry the shared bit: with the MMU off, the guest and its devices use
// the same.
#pragma once

#include <cstddef>
#include <cstdint>

namespace guest::hostile {

/// False if there is no such memory, or it cannot be shared.
bool take_pool();

/// Shared pages in a row, full of zeros; 0 if there are no more.
std::uint64_t take_pages(std::size_t count);

/// A page that is never shared: its plain address. The page before it is shared, and nobody's.
std::uint64_t private_page();
/// Where RAM ends: with the shared bit. The page before that is shared, and nobody's.
std::uint64_t ram_end();
/// So many bytes of shared memory that are nobody's.
inline constexpr std::uint32_t kSpareSize = 2 << 20;
std::uint64_t spare();

/// Whether what is nobody's is as it was: the private page, and those before it and before the end
/// of RAM.
bool is_untouched();

// The conversion of shared pages that take_pages() gave. False if it is refused; a no-op in an
// ordinary VM.
bool make_private(std::uint64_t shared_address, std::size_t pages);
bool make_shared(std::uint64_t shared_address, std::size_t pages);
/// Where the guest finds a page that it made private.
std::uint64_t plain(std::uint64_t shared_address);

/// Memory as 64-bit words. Volatile: the other side writes it too.
inline volatile std::uint64_t* words_at(std::uint64_t address) {
    return reinterpret_cast<volatile std::uint64_t*>(address);
}
inline volatile std::uint8_t* bytes_at(std::uint64_t address) {
    return reinterpret_cast<volatile std::uint8_t*>(address);
}
/// Both for whole words.
void fill(std::uint64_t address, std::size_t size, std::uint64_t value);
bool holds(std::uint64_t address, std::size_t size, std::uint64_t value);

}  // namespace guest::hostile
