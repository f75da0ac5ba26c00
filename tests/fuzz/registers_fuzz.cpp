// Any access to the registers of the simple devices, at any offset and of any size: what is read
// was given by the device, and its interrupt line only ever changes; pvpanic ends a guest once.
#include <array>

#include "devices/pl031.hpp"
#include "devices/pl061.hpp"
#include "devices/pvpanic.hpp"
#include "devices/serial16550.hpp"
#include "fuzz/input.hpp"

namespace {

using namespace rvmm;
using namespace rvmm::devices;
using fuzz::Input;
using fuzz::require;

/// Has room now and then.
struct MoodySink final : ByteSink {
    bool put(ByteSpan) override { return room; }
    bool room = true;
};

struct Line {
    InterruptLine setter() {
        return [this](bool now) {
            require(now != level);
            level = now;
        };
    }
    bool level = false;
};

/// Of a guest by pvpanic.
struct End {
    Pvpanic::Listener listener() {
        return [this](const Pvpanic::Message& message) {
            require(message.status <= Pvpanic::kMaxStatus);
            bool& before = message.kind == Pvpanic::Message::Kind::kCrashLoaded ? warned : ended;
            require(!before);
            before = true;
        };
    }
    bool warned = false;
    bool ended = false;
};

class Guest {
  public:
    explicit Guest(Input input) : input_(input) {}
    void run() {
        while (!input_.empty()) step();
    }

  private:
    void step();
    void access(Device& device);

    Input input_;
    std::array<Line, 3> lines_;
    MoodySink sink_;
    std::int64_t seconds_ = 1'700'000'000;
    asio::io_context loop_{1};
    std::shared_ptr<Pl031> rtc_ = Pl031::create(loop_, lines_[0].setter(), [this] {
        return std::chrono::system_clock::time_point(std::chrono::seconds(seconds_));
    });
    Pl061 gpio_{lines_[1].setter()};
    Serial16550 serial_{sink_, lines_[2].setter()};
    End end_;
    Pvpanic pvpanic_{end_.listener()};
};

void Guest::access(Device& device) {
    const std::uint64_t kind = input_.number(1);
    const std::uint64_t offset = kind < 100   ? input_.number(1) % 0x10
                                 : kind < 250 ? input_.number(2) % 0x1008
                                              : input_.number(8);
    const std::size_t size = 1 + (kind >> 1) % 8;
    std::array<std::byte, 8> data{};
    if (kind % 2 == 0) {
        device.read(offset, std::span(data).first(size));
        return;
    }
    store_le(data, input_.number(4));
    device.write(offset, std::span(data).first(size));
}

void Guest::step() {
    const std::uint64_t kind = input_.number(1);
    switch (kind % 9) {
        case 0:
        case 1:
            return access(*rtc_);
        case 2:
        case 3:
            return access(gpio_);
        case 4:
        case 5:
            return access(serial_);
        case 6: {
            const Bytes typed(input_.number(2));
            require(serial_.input(typed) <= typed.size());
            sink_.room = kind >= 128;
            serial_.output_drained();
            return;
        }
        case 7:
            return access(pvpanic_);
        default:
            gpio_.set_input(static_cast<unsigned>(kind / 8 % 9), kind >= 128);
            seconds_ =
                static_cast<std::int64_t>(input_.number(4)) - 1000;  // the host's clock is set
            loop_.restart();
            loop_.poll();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Guest(Input(std::as_bytes(std::span(data, size)))).run();
    return 0;
}
