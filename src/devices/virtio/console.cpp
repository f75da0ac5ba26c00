#include "devices/virtio/console.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include <asio/post.hpp>

namespace rvmm::devices::virtio {
namespace {

// Port 0 has queues 0 and 1, port n has 2 + 2n and the next: section 5.3.2.
constexpr unsigned kControlReceive = 2;
constexpr unsigned kControlTransmit = 3;
constexpr std::uint16_t kConsoleQueueSize = 64;

constexpr unsigned receive_queue_of(unsigned port) {
    return port == 0 ? 0 : 2 + 2 * port;
}

constexpr unsigned port_of_queue(unsigned queue) {
    return queue < kControlReceive ? 0 : queue / 2 - 1;
}

// struct virtio_console_config: cols, rows, max_nr_ports, emerg_wr.
constexpr std::size_t kConsoleConfigSize = 12;
constexpr std::size_t kEmergencyOffset = 8;

// struct virtio_console_control: id, event, value.
constexpr std::size_t kControlSize = 8;
enum ControlEvent : std::uint16_t {
    kDeviceReady = 0,
    kDeviceAdd = 1,
    kPortReady = 3,
    kConsolePort = 4,
    kConsoleResize = 5,
    kPortOpen = 6,
    kPortName = 7,
};

}  // namespace

Result<std::shared_ptr<Console>> Console::create(asio::io_context& loop, ConsoleSetup setup) {
    if (setup.ports.empty() || setup.ports.size() > kMaxPorts)
        return rvmm::fail(Stage::kInternal, "{}: {} ports", setup.name, setup.ports.size());
    for (const ConsolePortSetup& port : setup.ports) {
        if (port.output == nullptr)
            return rvmm::fail(Stage::kInternal, "{}: a port without a sink", setup.name);
        if (port.name.size() > kMaxPortName)
            return rvmm::fail(Stage::kInternal, "{}: a port's name of {} bytes", setup.name,
                              port.name.size());
    }
    return std::shared_ptr<Console>(new Console(loop, std::move(setup)));
}

Console::Console(asio::io_context& loop, ConsoleSetup setup)
    : loop_(loop),
      setup_(std::move(setup)),
      queue_sizes_(2 + 2 * setup_.ports.size(), kConsoleQueueSize) {
    ports_.reserve(setup_.ports.size());
    for (ConsolePortSetup& port : setup_.ports)
        ports_.push_back({.data = ConsolePort(std::move(port))});
    setup_.ports.clear();
}

std::size_t Console::input(unsigned port, ByteSpan bytes) {
    const std::size_t taken = ports_[port].data.take_input(bytes);
    if (taken > 0) receive(port);
    return taken;
}

void Console::set_input_wanted(unsigned port, std::function<void()> wanted) {
    ports_[port].data.set_input_wanted(std::move(wanted));
}

void Console::output_drained(unsigned port) {
    transmit(port);
}

void Console::set_open_changed(std::function<void(unsigned, bool)> changed) {
    open_changed_ = std::move(changed);
}

std::uint64_t Console::features() const {
    return kMultiport | (setup_.size ? kSize : 0) | (setup_.emergency_write ? kEmergencyWrite : 0);
}

Bytes Console::config() const {
    Bytes config(kConsoleConfigSize);
    const MutableByteSpan at(config);
    const ConsoleSize size = setup_.size.value_or(ConsoleSize{});
    store_le(at, size.columns);
    store_le(at.subspan(2), size.rows);
    store_le(at.subspan(4), static_cast<std::uint32_t>(ports_.size()));
    return config;
}

void Console::start(Session& session) {
    session_ = &session;
    failed_ = false;
    const bool all = session.has(kMultiport);
    for (unsigned port = 0; port < (all ? ports_.size() : 1); ++port) {
        const unsigned queue = receive_queue_of(port);
        ports_[port].data.start(session.queue(queue), session.queue(queue + 1));
    }
    if (!all) set_open(0, true);
}

void Console::notify(unsigned queue) {
    if (queue >= kControlReceive && !session_->has(kMultiport)) return;
    if (queue == kControlReceive) return tell();
    if (queue == kControlTransmit) return hear();
    const unsigned port = port_of_queue(queue);
    if (queue % 2 == 0)
        receive(port);
    else
        transmit(port);
}

void Console::stop(std::function<void()> stopped) {
    close_ports();
    for (Port& port : ports_) {
        port.data.stop();
        port.announced = false;
        port.to_tell = 0;
    }
    session_ = nullptr;
    stopped();
}

void Console::config_written(std::uint64_t offset, ByteSpan data) {
    if (!setup_.emergency_write) return;
    if (offset > kEmergencyOffset || kEmergencyOffset - offset >= data.size()) return;
    (void)ports_[0].data.setup().output->put(data.subspan(kEmergencyOffset - offset, 1));
}

void Console::transmit(unsigned port) {
    if (session_ == nullptr || failed_) return;
    Port& p = ports_[port];
    auto more = p.data.transmit();
    if (!more) return fail(std::move(more).error());
    if (!whole(session_->queue(receive_queue_of(port) + 1))) return;
    if (!*more || std::exchange(p.goes_on, true)) return;
    asio::post(loop_, [weak = weak_from_this(), port] {
        const auto self = weak.lock();
        if (!self) return;
        self->ports_[port].goes_on = false;
        self->transmit(port);
    });
}

void Console::receive(unsigned port) {
    if (failed_) return;
    if (auto done = ports_[port].data.receive(); !done) return fail(std::move(done).error());
    (void)whole(session_->queue(receive_queue_of(port)));
}

void Console::set_open(unsigned port, bool open) {
    ConsolePort& data = ports_[port].data;
    if (data.is_open() == open) return;
    data.set_open(open);
    if (open_changed_) open_changed_(port, open);
}

void Console::hear() {
    ReadyQueue* queue = session_->queue(kControlTransmit);
    queue->serve([this](const Chain& chain) -> std::optional<std::uint32_t> {
        if (failed_) return {};
        if (chain.writable_size() > 0) {
            fail({Stage::kGuest, "a control message with bytes to write"});
            return {};
        }
        std::array<std::byte, kControlSize> bytes{};
        const ByteSpan message(bytes);
        if (chain.read(0, bytes) == bytes.size())
            obey({.port = load_le<std::uint32_t>(message),
                  .event = load_le<std::uint16_t>(message.subspan(4)),
                  .value = load_le<std::uint16_t>(message.subspan(6))});
        else
            ++ignored_;
        return 0;
    });
    if (whole(queue)) tell();
}

void Console::obey(const Control& control) {
    if (control.event == kDeviceReady && control.value == 1) return announce_ports();
    const bool known = control.port < ports_.size() && ports_[control.port].announced;
    const bool sound =
        (control.event == kPortReady || control.event == kPortOpen) && control.value <= 1;
    if (!known || !sound) {
        ++ignored_;
    } else if (control.event == kPortOpen || control.value == 0) {
        set_open(control.port, control.value == 1);
    } else {
        port_ready(ports_[control.port]);
    }
}

void Console::announce_ports() {
    for (Port& port : ports_)
        if (!std::exchange(port.announced, true)) port.to_tell |= 1U << kAdd;
}

void Console::port_ready(Port& port) const {
    const ConsolePortSetup& setup = port.data.setup();
    if (setup.console) port.to_tell |= 1U << kConsole;
    if (setup.console && session_->has(kSize)) port.to_tell |= 1U << kResize;
    if (!setup.name.empty()) port.to_tell |= 1U << kName;
    port.to_tell |= 1U << kOpen;
}

void Console::tell() {
    ReadyQueue* queue = session_->queue(kControlReceive);
    if (queue == nullptr || failed_) return;
    if (auto told = tell_all(*queue); !told) return fail(std::move(told).error());
    (void)whole(queue);
}

Result<> Console::tell_all(ReadyQueue& queue) {
    auto visit = queue.visit();
    visit.disarm();
    for (unsigned port = 0; port < ports_.size();) {
        std::uint8_t& to_tell = ports_[port].to_tell;
        if (to_tell == 0) {
            ++port;
            continue;
        }
        auto chain = visit.next();
        if (!chain) {
            if (visit.rearm()) continue;
            return {};
        }
        const auto what = static_cast<Message>(std::countr_zero(to_tell));
        const Bytes bytes = message(port, what);
        // A name may be cut; nothing else makes sense in part.
        const std::size_t least = what == kName ? kControlSize : bytes.size();
        if (chain->readable_size() > 0 || chain->writable_size() < least)
            return rvmm::fail(Stage::kGuest, "a control buffer of {} bytes to read, {} to write",
                              chain->readable_size(), chain->writable_size());
        const auto written = static_cast<std::uint32_t>(chain->write(0, bytes));
        visit.complete(*std::move(chain), written);
        to_tell &= static_cast<std::uint8_t>(to_tell - 1);
    }
    return {};
}

Bytes Console::message(unsigned port, Message what) const {
    static constexpr std::array<std::uint16_t, 5> kEvents = {kDeviceAdd, kConsolePort,
                                                             kConsoleResize, kPortName, kPortOpen};
    std::array<std::byte, 4> size{};
    if (setup_.size) {
        store_le(size, setup_.size->columns);
        store_le(MutableByteSpan(size).subspan(2), setup_.size->rows);
    }
    ByteSpan more;
    if (what == kName) more = as_bytes(ports_[port].data.setup().name);
    if (what == kResize) more = size;
    Bytes bytes(kControlSize + more.size());
    const MutableByteSpan at(bytes);
    store_le(at, std::uint32_t{port});
    store_le(at.subspan(4), kEvents[what]);
    store_le(at.subspan(6), std::uint16_t{1});
    std::ranges::copy(more, at.subspan(kControlSize).begin());
    return bytes;
}

void Console::fail(Error error) {
    if (std::exchange(failed_, true)) return;
    close_ports();
    session_->fail(std::move(error).with_context(setup_.name));
}

bool Console::whole(const ReadyQueue* queue) {
    if (queue == nullptr || !queue->broken()) return !failed_;
    fail({Stage::kGuest, "a broken queue"});
    return false;
}

void Console::close_ports() {
    for (unsigned port = 0; port < ports_.size(); ++port) set_open(port, false);
}

std::vector<Counter> Console::counters() const {
    std::uint64_t in = 0;
    std::uint64_t out = 0;
    for (const Port& port : ports_) {
        in += port.data.bytes_in();
        out += port.data.bytes_out();
    }
    return {{"input_bytes", in}, {"output_bytes", out}, {"ignored_messages", ignored_}};
}

}  // namespace rvmm::devices::virtio
