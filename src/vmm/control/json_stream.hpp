// Requests out of a byte stream: JSON objects that may share lines or span them, from whoever
// connects. Memory and nesting are bounded, whatever comes.
//
// Source: QEMU's qmp-spec, "Protocol Specification" and "Forcing the JSON parser into known-good
// state": single-quoted strings count, and a control character or 0xff puts an end to anything.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <nlohmann/json.hpp>

namespace rvmm::vmm {

class JsonStream {
  public:
    static constexpr std::size_t kMaxObject = 64 << 10;  // bytes
    static constexpr unsigned kMaxDepth = 32;

    /// What is no object. After a fatal one nothing more is to be read.
    struct Mistake {
        std::string what;  // one clause
        bool fatal = false;
    };
    using Item = std::variant<nlohmann::json, Mistake>;

    explicit JsonStream(std::size_t max_object = kMaxObject) : max_object_(max_object) {}

    /// Reads from the front of `bytes` up to the end of the next item, and cuts off what it has
    /// read. Nothing: all is read, and no item ends there.
    std::optional<Item> next(std::string_view& bytes);
    /// No item has begun.
    bool is_between() const { return state_ == State::kBetween; }

  private:
    enum class State : std::uint8_t { kBetween, kInside, kString, kEscape, kSkipping };

    std::optional<Item> take(unsigned char c);
    std::optional<Item> take_between(unsigned char c);
    std::optional<Item> take_inside(unsigned char c);
    void take_string(unsigned char c);
    void take_escaped(unsigned char c);
    std::optional<Item> close(char bracket);
    Item mistake(std::string what, State next);
    Item too_large();
    Item parse();

    const std::size_t max_object_;
    State state_ = State::kBetween;
    char quote_ = '"';
    std::string text_;      // of the value so far, strings in double quotes
    std::string brackets_;  // that are open, as what closes them
};

}  // namespace rvmm::vmm
