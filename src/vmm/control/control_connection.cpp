#include "vmm/control/control_connection.hpp"

#include <asio/post.hpp>
#include <asio/write.hpp>
#include <fmt/format.h>

#include "vmm/control/qmp_text.hpp"

namespace rvmm::vmm {
namespace {

// How long a client that is to go may take to read what there is for it.
constexpr auto kReadPatience = std::chrono::seconds(5);

}  // namespace

ControlConnection::ControlConnection(Socket socket, QmpCommands commands,
                                     std::function<void()> gone)
    : socket_(std::move(socket)),
      commands_(std::move(commands)),
      gone_(std::move(gone)),
      patience_(socket_.get_executor()) {}

void ControlConnection::start() {
    send(qmp_greeting());
    read();
}

void ControlConnection::tell(const std::string& event) {
    if (commands_.negotiated() && !closed_) send(event);
}

void ControlConnection::finish() {
    if (closed_) return;
    input_ended_ = true;
    read_ = {};
    busy_ = false;  // whoever is asked does not answer any more
    close_if_done();
}

void ControlConnection::drop() {
    if (closed_) return;
    closed_ = true;
    patience_.cancel();
    asio::error_code ignored;
    socket_.close(ignored);
    gone_();
}

void ControlConnection::read() {
    socket_.async_read_some(
        asio::buffer(buffer_),
        [self = shared_from_this()](const asio::error_code& error, std::size_t size) {
            if (self->closed_ || self->input_ended_) return;
            self->input_ended_ = static_cast<bool>(error);
            self->read_ = std::string_view(self->buffer_.data(), size);
            self->take_one();
        });
}

// A turn of the loop takes one request, so that a client with many does not keep it.
void ControlConnection::go_on() {
    asio::post(socket_.get_executor(), [self = shared_from_this()] { self->take_one(); });
}

void ControlConnection::take_one() {
    if (closed_ || busy_) return;
    if (read_.empty()) return input_ended_ ? close_if_done() : read();
    if (auto item = stream_.next(read_)) answer(*std::move(item));
    if (!closed_ && !busy_) go_on();
}

void ControlConnection::answer(JsonStream::Item item) {
    if (const auto* mistake = std::get_if<JsonStream::Mistake>(&item)) {
        send(qmp_error({.what = QmpErrorClass::kGeneric, .description = mistake->what}, nullptr));
        if (mistake->fatal) finish();
        return;
    }
    const auto& request = std::get<nlohmann::json>(item);
    std::optional<nlohmann::json> id;
    if (const auto found = request.find("id"); found != request.end()) id = *found;
    // Escaped it can be six times as long as it came, and more than may be unread.
    if (id && !fits_as_id(*id))
        return send(qmp_error({.what = QmpErrorClass::kGeneric,
                               .description = fmt::format("an id has at most {} bytes", kMaxId)},
                              nullptr));
    busy_ = true;
    const auto inside = std::make_shared<bool>(true);  // this function has not returned
    commands_.run(
        request, [self = weak_from_this(), id = std::move(id), inside](QmpCommands::Answer result) {
            const auto connection = self.lock();
            if (!connection || connection->closed_) return;
            const nlohmann::json* echoed = id ? &*id : nullptr;
            connection->send(result ? qmp_return(*std::move(result), echoed)
                                    : qmp_error(result.error(), echoed));
            connection->busy_ = false;
            if (!*inside) connection->go_on();
        });
    *inside = false;
}

void ControlConnection::send(std::string_view text) {
    if (writing_.size() + waiting_.size() + text.size() > kMaxUnread) return drop();
    waiting_ += text;
    if (writing_.empty()) write();
}

void ControlConnection::write() {
    std::swap(writing_, waiting_);
    asio::async_write(socket_, asio::buffer(writing_),
                      [self = shared_from_this()](const asio::error_code& error, std::size_t) {
                          if (self->closed_) return;
                          if (error) return self->drop();
                          self->writing_.clear();
                          if (!self->waiting_.empty()) return self->write();
                          self->close_if_done();
                      });
}

void ControlConnection::close_if_done() {
    if (!input_ended_ || closed_ || busy_ || !read_.empty()) return;
    if (writing_.empty()) return drop();
    patience_.expires_after(kReadPatience);
    patience_.async_wait([self = shared_from_this()](const asio::error_code& cancelled) {
        if (!cancelled) self->drop();
    });
}

}  // namespace rvmm::vmm
