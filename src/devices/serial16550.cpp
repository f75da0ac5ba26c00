#include "devices/serial16550.hpp"

#include <array>

namespace rvmm::devices {
namespace {

enum Register : unsigned {
    kData = 0,
    kIer = 1,
    kIirFcr = 2,
    kLcr = 3,
    kMcr = 4,
    kLsr = 5,
    kMsr = 6,
    kScr = 7
};

constexpr std::uint8_t kIerReceive = 1U << 0;
constexpr std::uint8_t kIerTransmit = 1U << 1;
constexpr std::uint8_t kIirNone = 0x01;
constexpr std::uint8_t kIirTransmit = 0x02;
constexpr std::uint8_t kIirReceive = 0x04;
constexpr std::uint8_t kIirFifos = 0xc0;
constexpr std::uint8_t kFcrEnable = 1U << 0;
constexpr std::uint8_t kFcrClearReceive = 1U << 1;
constexpr std::uint8_t kLcrDivisorAccess = 1U << 7;
constexpr std::uint8_t kMcrLoop = 1U << 4;
constexpr std::uint8_t kLsrDataReady = 1U << 0;
constexpr std::uint8_t kLsrTransmitEmpty = 0x60;  // THRE and TEMT
constexpr std::uint8_t kMsrConnected = 0xb0;      // DCD, DSR, CTS

}  // namespace

Serial16550::Serial16550(ByteSink& sink, InterruptLine interrupt)
    : sink_(sink), interrupt_(std::move(interrupt)) {}

void Serial16550::read(std::uint64_t offset, MutableByteSpan data) {
    const std::lock_guard lock(mutex_);
    data[0] = static_cast<std::byte>(read_register(static_cast<unsigned>(offset & 7)));
}

void Serial16550::write(std::uint64_t offset, ByteSpan data) {
    const std::lock_guard lock(mutex_);
    write_register(static_cast<unsigned>(offset & 7), std::to_integer<std::uint8_t>(data[0]));
}

std::size_t Serial16550::input(ByteSpan bytes) {
    const std::lock_guard lock(mutex_);
    std::size_t taken = 0;
    while (taken < bytes.size() && input_.size() < kInputLimit)
        input_.push_back(std::to_integer<std::uint8_t>(bytes[taken++]));
    input_refused_ = taken < bytes.size();
    update_interrupt();
    return taken;
}

void Serial16550::set_input_wanted(std::function<void()> wanted) {
    const std::lock_guard lock(mutex_);
    input_wanted_ = std::move(wanted);
}

void Serial16550::output_drained() {
    const std::lock_guard lock(mutex_);
    if (!held_) return;
    const std::array<std::byte, 1> byte = {static_cast<std::byte>(*held_)};
    if (!sink_.put(byte)) return;
    held_.reset();
    transmitter_event_ = true;
    update_interrupt();
}

std::uint8_t Serial16550::read_register(unsigned index) {
    const bool divisor = (line_control_ & kLcrDivisorAccess) != 0;
    switch (index) {
        case kData: {
            if (divisor) return divisor_low_;
            if (input_.empty()) return 0;
            const std::uint8_t value = input_.front();
            input_.pop_front();
            if (input_.size() <= kInputLimit / 2) ask_for_input();
            update_interrupt();
            return value;
        }
        case kIer:
            return divisor ? divisor_high_ : interrupt_enable_;
        case kIirFcr: {
            const std::uint8_t cause = interrupt_identification();
            // Reading the identification acknowledges a transmitter interrupt (section 8.4).
            if (cause == kIirTransmit) {
                transmitter_event_ = false;
                update_interrupt();
            }
            return static_cast<std::uint8_t>(cause |
                                             ((fifo_control_ & kFcrEnable) ? kIirFifos : 0));
        }
        case kLcr:
            return line_control_;
        case kMcr:
            return modem_control_;
        case kLsr:
            return static_cast<std::uint8_t>((input_.empty() ? 0 : kLsrDataReady) |
                                             (!held_ ? kLsrTransmitEmpty : 0));
        case kMsr:
            return modem_status();
        default:
            return scratch_;
    }
}

void Serial16550::write_register(unsigned index, std::uint8_t value) {
    const bool divisor = (line_control_ & kLcrDivisorAccess) != 0;
    switch (index) {
        case kData:
            if (divisor)
                divisor_low_ = value;
            else
                transmit(value);
            break;
        case kIer:
            if (divisor) {
                divisor_high_ = value;
                break;
            }
            // Enabling the transmitter interrupt while the register is empty raises it.
            if ((value & kIerTransmit) && !(interrupt_enable_ & kIerTransmit) && !held_)
                transmitter_event_ = true;
            interrupt_enable_ = value & 0x0f;
            break;
        case kIirFcr:
            fifo_control_ = value & kFcrEnable;
            if (value & kFcrClearReceive) {
                input_.clear();
                ask_for_input();
            }
            break;
        case kLcr:
            line_control_ = value;
            break;
        case kMcr:
            modem_control_ = value & 0x1f;
            break;
        case kScr:
            scratch_ = value;
            break;
        default:
            break;  // LSR and MSR are read only
    }
    update_interrupt();
}

void Serial16550::transmit(std::uint8_t value) {
    if (modem_control_ & kMcrLoop) {
        if (input_.size() < kInputLimit) input_.push_back(value);
        transmitter_event_ = true;
        return;
    }
    const std::array<std::byte, 1> byte = {static_cast<std::byte>(value)};
    // A byte written although LSR said "not empty" replaces nothing: it is lost, as on the wire.
    if (held_) return;
    if (sink_.put(byte)) {
        transmitter_event_ = true;
    } else {
        held_ = value;
        transmitter_event_ = false;
    }
}

void Serial16550::ask_for_input() {
    if (!input_refused_) return;
    input_refused_ = false;
    if (input_wanted_) input_wanted_();
}

std::uint8_t Serial16550::interrupt_identification() const {
    if ((interrupt_enable_ & kIerReceive) && !input_.empty()) return kIirReceive;
    if ((interrupt_enable_ & kIerTransmit) && transmitter_event_) return kIirTransmit;
    return kIirNone;
}

std::uint8_t Serial16550::modem_status() const {
    if (!(modem_control_ & kMcrLoop)) return kMsrConnected;
    // In loop-back RTS, DTR, OUT1, OUT2 come back as CTS, DSR, RI, DCD (section 8.6).
    const unsigned m = modem_control_;
    return static_cast<std::uint8_t>(((m & 2) << 3) | ((m & 1) << 5) | ((m & 4) << 4) |
                                     ((m & 8) << 4));
}

void Serial16550::update_interrupt() {
    const bool level = interrupt_identification() != kIirNone;
    if (level == line_) return;
    line_ = level;
    interrupt_(level);
}

}  // namespace rvmm::devices
