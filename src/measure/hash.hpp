// SHA-256, SHA-384 and SHA-512 through OpenSSL's EVP interface.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace rvmm::measure {

/// Hash algorithms as RMI numbers them (DEN0137 RmiHashAlgorithm: 0 SHA-256, 1 SHA-512, 2 SHA-384).
enum class Hash : std::uint8_t { kSha256 = 0, kSha512 = 1, kSha384 = 2 };

/// "sha256", "sha384", "sha512".
std::string_view to_string(Hash hash);
/// The inverse of to_string().
std::optional<Hash> parse_hash(std::string_view name);

inline constexpr std::size_t kMaxDigestSize = 64;

/// 32, 48 or 64.
constexpr std::size_t digest_size(Hash hash) {
    switch (hash) {
        case Hash::kSha256:
            return 32;
        case Hash::kSha384:
            return 48;
        case Hash::kSha512:
            return 64;
    }
    return 0;
}

/// A digest of 32, 48 or 64 bytes, or nothing (0 bytes). A plain value.
class Digest {
  public:
    constexpr Digest() = default;
    /// All zero, as long as digests of `hash` are: what measurements start from.
    explicit constexpr Digest(Hash hash) : size_(static_cast<std::uint8_t>(digest_size(hash))) {}
    /// The digest that `bytes` (0, 32, 48 or 64 of them) are; nothing for any other number.
    static std::optional<Digest> from(ByteSpan bytes);
    /// The same from hex digits.
    static std::optional<Digest> from_hex(std::string_view text);

    constexpr ByteSpan bytes() const { return {value_.data(), size_}; }
    constexpr MutableByteSpan mutable_bytes() { return {value_.data(), size_}; }
    constexpr std::size_t size() const { return size_; }
    constexpr bool empty() const { return size_ == 0; }

    friend constexpr bool operator==(const Digest&, const Digest&) = default;

  private:
    std::array<std::byte, kMaxDigestSize> value_{};  // zero beyond size_
    std::uint8_t size_ = 0;
};

/// Lower-case hex.
inline std::string to_hex(const Digest& digest) {
    return rvmm::to_hex(digest.bytes());
}

/// Computes digests of one algorithm, with nothing allocated per digest. Not for several threads
/// at once.
class Hasher {
  public:
    explicit Hasher(Hash hash);
    Hasher(Hasher&&) noexcept;
    Hasher& operator=(Hasher&&) noexcept;
    ~Hasher();

    Hash hash() const { return hash_; }

    /// The digest of the concatenation of `parts`. Fails (Stage::kInternal) only if OpenSSL does.
    Result<Digest> digest(std::initializer_list<ByteSpan> parts);

    /// The same in pieces: start(), update() any number of times, finish(). Nothing else meanwhile.
    Result<> start();
    Result<> update(ByteSpan part);
    Result<Digest> finish();

  private:
    struct State;
    Result<> check(int done) const;
    Hash hash_;
    std::unique_ptr<State> state_;
};

/// One digest, as Hasher::digest().
Result<Digest> digest(Hash hash, std::initializer_list<ByteSpan> parts);

}  // namespace rvmm::measure
