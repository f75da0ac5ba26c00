// The guest's consoles and where their bytes come from and go: the UART and the ports of
// virtio-console, on our standard input and output, in files, or nowhere.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <asio/io_context.hpp>

#include "devices/serial16550.hpp"
#include "devices/virtio/console.hpp"
#include "realm/spec/realm_spec.hpp"
#include "vmm/console/console.hpp"
#include "vmm/console/console_file.hpp"
#include "vmm/token/token_port.hpp"
#include "vmm/watch/status_port.hpp"

namespace rvmm::vmm {

/// On the machine's loop.
class Consoles {
  public:
    /// `stdio` is our standard output, `tokens` where a token goes (nullptr: nobody wants one); all
    /// outlive it.
    Consoles(asio::io_context& loop, ConsoleOutput& stdio, TokenExchange* tokens = nullptr,
             StatusPort::Actions status = {});

    std::shared_ptr<devices::Serial16550> make_serial(const realm::SerialSpec& spec,
                                                      devices::InterruptLine interrupt);
    /// There is a further port for the guest's status, and where a token is wanted one for that.
    /// Errors: a file that cannot be made, or is already there (Stage::kUsage). Files stay if the
    /// guest has run: finish().
    Result<std::shared_ptr<devices::virtio::Console>> make_ports(const std::string& name,
                                                                 const realm::ConsoleSpec& spec);

    /// Bytes that a person typed; returns how many were taken. They are for the port on our
    /// standard output as soon as the guest has opened it, and for the UART before.
    std::size_t type(ByteSpan bytes);
    /// Called from the loop when type() would take bytes again.
    void set_input_wanted(std::function<void()> wanted) { input_wanted_ = std::move(wanted); }
    /// Writes out what is left, and keeps the files. The devices have stopped.
    void finish();

  private:
    void want_input();
    void ask_for_token();

    asio::io_context& loop_;
    ConsoleOutput& stdio_;
    ConsoleOutput nowhere_;
    struct File {
        File(ConsoleFile made, asio::io_context& loop)
            : file(std::move(made)), output(loop, file.fd()) {}
        ConsoleFile file;
        ConsoleOutput output;
    };
    std::vector<std::unique_ptr<File>> files_;
    std::function<void()> input_wanted_;
    std::shared_ptr<devices::Serial16550> serial_;  // where it is on stdio
    std::shared_ptr<devices::virtio::Console> ports_;
    std::optional<unsigned> typed_port_;  // the port on stdio
    StatusPort status_;
    std::optional<TokenPort> tokens_;
    std::optional<unsigned> token_port_;
    std::string token_request_;  // what the guest has not read of it
};

}  // namespace rvmm::vmm
