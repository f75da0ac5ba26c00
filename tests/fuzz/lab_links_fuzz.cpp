// What the lab's agent says of the connections through it, while clients come, speak and go: an
// order that makes no sense is an error, and what is kept for a client is bounded.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include <asio/local/connect_pair.hpp>

#include "vmm/lab/outer_links.hpp"

namespace {

using namespace rvmm;
using namespace rvmm::vmm::lab;

constexpr std::size_t kClients = 4;

/// A conversation as the bytes say: each takes a step of the agent or of a client.
class Talk {
  public:
    /// False: the agent has said what makes no sense.
    bool step(std::uint8_t what, std::uint8_t more) {
        const std::uint64_t id = what % 5U;
        auto& client = clients_[what % kClients];
        switch (what / 8 % 9) {
            case 0:
                return links_.take({id, LinkData{std::string(std::size_t{1} + more * 32U, 'a')}})
                    .has_value();
            case 1:
                return take_some(id, std::size_t{1} + more);
            case 2:
                return links_.take({id, LinkEnd{}}).has_value();
            case 3:
                return links_.take({id, LinkClose{}}).has_value();
            case 4:
                return links_.take({id, LinkOpen{"/x"}}).has_value();
            case 5:
                connect(client);
                break;
            case 6:
                if (client) send(*client, more);
                break;
            case 7:
                if (client) receive(*client);
                break;
            default:
                client.reset();
        }
        return true;
    }
    void turn() {
        loop_.restart();
        while (loop_.poll() > 0) {
        }
        for (const auto& [id, size] : untaken_)
            if (size > kLinkWindow) std::abort();
    }

  private:
    using Client = std::optional<Link::Socket>;

    bool take_some(std::uint64_t id, std::size_t size) {
        if (!links_.take({id, LinkTaken{size}})) return false;
        if (untaken_[id] < size) std::abort();
        untaken_[id] -= size;
        return true;
    }
    void connect(Client& client) {
        client.emplace(loop_);
        Link::Socket other(loop_);
        asio::error_code error;
        asio::local::connect_pair(*client, other, error);
        if (error) return client.reset();
        client->non_blocking(true);
        links_.add_client(std::move(other), "/job/control.sock");
    }
    static void send(Link::Socket& client, std::uint8_t size) {
        const std::string text(std::size_t{1} + size * 16U, 'c');
        asio::error_code error;
        if (size == 0)
            client.shutdown(Link::Socket::shutdown_send, error);
        else
            client.write_some(asio::buffer(text), error);
    }
    static void receive(Link::Socket& client) {
        std::array<char, 4096> buffer;
        asio::error_code error;
        client.read_some(asio::buffer(buffer), error);
    }

    asio::io_context loop_{1};
    std::map<std::uint64_t, std::size_t> untaken_;  // bytes told to the agent
    OuterLinks links_{loop_, [this](LinkMessage message) {
                          if (const auto* data = std::get_if<LinkData>(&message.what))
                              untaken_[message.id] += data->bytes.size();
                      }};
    std::array<Client, kClients> clients_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Talk talk;
    for (std::size_t i = 0; i + 1 < size && i < 400; i += 2) {
        if (!talk.step(data[i], data[i + 1])) return 0;
        talk.turn();
    }
    return 0;
}
