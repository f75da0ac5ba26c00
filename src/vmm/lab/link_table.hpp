// All connections through a lab, at either end.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "base/error.hpp"
#include "vmm/lab/link.hpp"

namespace rvmm::vmm::lab {

// What clients may take to read the last words from the lab, at either end.
inline constexpr auto kLastWords = std::chrono::milliseconds(250);

/// On the loop, which outlives it.
class LinkTable {
  public:
    LinkTable(asio::io_context& loop, Link::Send send);
    LinkTable(const LinkTable&) = delete;
    LinkTable& operator=(const LinkTable&) = delete;

    bool is_full() const { return links_.size() >= kMaxLinks; }
    std::size_t size() const { return links_.size(); }
    /// A new one, with an `id` that none has, where it is not full.
    std::shared_ptr<Link> add(std::uint64_t id);
    /// Nothing if there is none.
    std::shared_ptr<Link> find(std::uint64_t id) const;
    /// What the other end says. Errors (Stage::kLaunch): it breaks the protocol, or there is no
    /// such link.
    Result<> take(const LinkMessage& message);
    /// Calls `done`, once, when there are none left; after `patience` it closes those that are.
    void finish(std::chrono::milliseconds patience, std::function<void()> done);

  private:
    void remove(std::uint64_t id);
    void say_done();

    asio::io_context& loop_;
    Link::Send send_;
    asio::steady_timer patience_;
    std::function<void()> done_;
    std::map<std::uint64_t, std::shared_ptr<Link>> links_;
};

}  // namespace rvmm::vmm::lab
