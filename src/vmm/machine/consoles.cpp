#include "vmm/machine/consoles.hpp"

#include <asio/post.hpp>

namespace rvmm::vmm {

Consoles::Consoles(asio::io_context& loop, ConsoleOutput& stdio, TokenExchange* tokens,
                   StatusPort::Actions status)
    : loop_(loop), stdio_(stdio), nowhere_(loop, -1), status_(std::move(status)) {
    if (tokens != nullptr) tokens_.emplace(*tokens);
    stdio_.set_drained([this] {
        if (serial_) serial_->output_drained();
        if (typed_port_) ports_->output_drained(*typed_port_);
    });
}

std::shared_ptr<devices::Serial16550> Consoles::make_serial(const realm::SerialSpec& spec,
                                                            devices::InterruptLine interrupt) {
    const bool on_stdio = spec.mode == realm::SerialSpec::Mode::kStdio;
    auto serial =
        std::make_shared<devices::Serial16550>(on_stdio ? stdio_ : nowhere_, std::move(interrupt));
    if (!on_stdio) return serial;
    serial_ = serial;
    // Any thread, under the UART's lock.
    serial->set_input_wanted([this] { asio::post(loop_, [this] { want_input(); }); });
    return serial;
}

Result<std::shared_ptr<devices::virtio::Console>> Consoles::make_ports(
    const std::string& name, const realm::ConsoleSpec& spec) {
    devices::virtio::ConsoleSetup setup;
    setup.name = name;
    std::vector<std::pair<ConsoleOutput*, unsigned>> files;
    for (const realm::ConsolePort& port : spec.ports) {
        const auto number = static_cast<unsigned>(setup.ports.size());
        ConsoleOutput* sink = &nowhere_;
        if (port.mode == realm::ConsolePort::Mode::kStdio) {
            sink = &stdio_;
            typed_port_ = number;
        } else if (port.mode == realm::ConsolePort::Mode::kFile) {
            RVMM_TRY(auto made, ConsoleFile::create(*port.path));
            files_.push_back(std::make_unique<File>(std::move(made), loop_));
            sink = &files_.back()->output;
            files.emplace_back(sink, number);
        }
        // hvc0 is the first port; others are for programs, by name.
        setup.ports.push_back({.name = port.name, .output = sink, .console = number == 0});
    }
    if (setup.ports.size() < devices::virtio::Console::kMaxPorts)
        setup.ports.push_back(
            {.name = std::string(kStatusPortName), .output = &status_, .console = false});
    if (tokens_ && setup.ports.size() < devices::virtio::Console::kMaxPorts) {
        token_port_ = static_cast<unsigned>(setup.ports.size());
        setup.ports.push_back(
            {.name = std::string(kTokenPortName), .output = &*tokens_, .console = false});
    }
    RVMM_TRY(ports_, devices::virtio::Console::create(loop_, std::move(setup)));
    for (const auto& file : files)
        file.first->set_drained([this, port = file.second] { ports_->output_drained(port); });
    const auto wanted = [this] { asio::post(loop_, [this] { want_input(); }); };
    if (typed_port_) ports_->set_input_wanted(*typed_port_, wanted);
    if (token_port_)
        ports_->set_input_wanted(*token_port_,
                                 [this] { asio::post(loop_, [this] { ask_for_token(); }); });
    ports_->set_open_changed([this, wanted](unsigned port, bool open) {
        if (typed_port_) wanted();
        if (port != token_port_ || !open) return;
        asio::post(loop_, [this] {
            token_request_ = tokens_->request();
            ask_for_token();
        });
    });
    return ports_;
}

void Consoles::ask_for_token() {
    const std::size_t taken = ports_->input(*token_port_, as_bytes(token_request_));
    token_request_.erase(0, taken);
}

void Consoles::want_input() {
    if (input_wanted_) input_wanted_();
}

std::size_t Consoles::type(ByteSpan bytes) {
    if (typed_port_ && ports_->is_open(*typed_port_)) return ports_->input(*typed_port_, bytes);
    if (serial_) return serial_->input(bytes);
    // A port that is not open yet will take them; without one nobody ever will.
    return typed_port_ ? 0 : bytes.size();
}

void Consoles::finish() {
    for (const auto& file : files_) {
        file->output.finish();
        file->file.keep();
    }
}

}  // namespace rvmm::vmm
