// Typed looks into the JSON of a steps document. Errors (Stage::kConfig) name the member alone; the
// caller says where it stands.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "measure/hash.hpp"

namespace rvmm::realm {

/// The JSON that `text` is. Errors also where it is too large, or nested deeper than any steps
/// document.
Result<nlohmann::json> parse_steps_document(std::string_view text);

/// `value` as JSON on one line of ASCII, cut after 40 characters or so: for errors.
std::string shown(const nlohmann::json& value);

class StepFields {
  public:
    /// Refers to `object`, which outlives it. Anything but an object has no members.
    explicit StepFields(const nlohmann::json& object) : object_(&object) {}

    bool has(const char* key) const { return find(key) != nullptr; }
    const nlohmann::json* find(const char* key) const;

    /// Up to `max`.
    Result<std::uint64_t> number(const char* key, std::uint64_t max = UINT64_MAX) const;
    /// `fallback` if there is no such member.
    Result<std::uint64_t> number_or(const char* key, std::uint64_t fallback,
                                    std::uint64_t max = UINT64_MAX) const;
    /// May be negative.
    Result<std::int64_t> level(const char* key) const;
    Result<std::string> text(const char* key) const;
    /// Hex of up to `max` bytes.
    Result<Bytes> bytes(const char* key, std::size_t max) const;
    /// A list of `count` numbers, or nothing.
    Result<std::vector<std::uint64_t>> numbers(const char* key, std::size_t count) const;
    /// Nothing if there is no such member.
    Result<std::optional<measure::Hash>> hash(const char* key) const;

  private:
    const nlohmann::json* object_;
};

}  // namespace rvmm::realm
