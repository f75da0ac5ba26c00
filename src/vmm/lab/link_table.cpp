#include "vmm/lab/link_table.hpp"

#include <utility>

namespace rvmm::vmm::lab {

LinkTable::LinkTable(asio::io_context& loop, Link::Send send)
    : loop_(loop), send_(std::move(send)), patience_(loop) {}

std::shared_ptr<Link> LinkTable::add(std::uint64_t id) {
    auto link = std::make_shared<Link>(loop_, id, send_, [this, id] { remove(id); });
    links_.emplace(id, link);
    return link;
}

std::shared_ptr<Link> LinkTable::find(std::uint64_t id) const {
    const auto found = links_.find(id);
    return found == links_.end() ? nullptr : found->second;
}

Result<> LinkTable::take(const LinkMessage& message) {
    const auto link = find(message.id);
    if (!link)
        return fail(Stage::kLaunch, "the lab speaks of link {}, which is not there", message.id);
    return std::visit([&](const auto& what) { return link->take(what); }, message.what);
}

void LinkTable::finish(std::chrono::milliseconds patience, std::function<void()> done) {
    done_ = std::move(done);
    if (links_.empty()) return say_done();
    patience_.expires_after(patience);
    patience_.async_wait([this](const asio::error_code& cancelled) {
        if (cancelled) return;
        const auto links = links_;
        for (const auto& [id, link] : links) link->close();
        say_done();
    });
}

void LinkTable::remove(std::uint64_t id) {
    links_.erase(id);
    if (links_.empty() && done_) say_done();
}

void LinkTable::say_done() {
    patience_.cancel();
    if (const auto done = std::exchange(done_, {})) done();
}

}  // namespace rvmm::vmm::lab
