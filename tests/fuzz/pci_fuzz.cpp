// Any accesses to configuration space and BARs: who answers where, which doorbells the kernel has
// and which messages are sent follow from the registers alone, and no interrupt is lost.
#include <array>
#include <memory>
#include <vector>

#include "devices/pci/pci_guest.hpp"
#include "devices/virtio/echo_device.hpp"
#include "devices/virtio/pci_transport.hpp"
#include "devices/virtio/test_memory.hpp"
#include "fuzz/input.hpp"

namespace {

using namespace rvmm;
using namespace rvmm::devices;
using namespace rvmm::devices::pci;
using namespace rvmm::devices::virtio;
using fuzz::Input;
using fuzz::require;

constexpr unsigned kMsixSlot = 7;
constexpr unsigned kMsixBar = 3;
constexpr unsigned kVectors = 3;
constexpr std::array<unsigned, 2> kVirtioSlots = {1, 2};

/// MSI-X and nothing else.
class MsixFunction final : public Function {
  public:
    explicit MsixFunction(std::unique_ptr<Msix> msix)
        : Function({.vendor = 1, .device = 1, .class_code = 0}), msix_(std::move(msix)) {
        msix_->add_to(config(), kMsixBar);
    }
    std::string_view name() const override { return "msix"; }
    void read_bar(unsigned, std::uint64_t offset, MutableByteSpan data) override {
        msix_->read(offset, data);
    }
    void write_bar(unsigned, std::uint64_t offset, ByteSpan data) override {
        msix_->write(offset, data);
    }
    Msix& msix() { return *msix_; }

  private:
    void config_written(std::size_t offset, std::size_t size) override {
        msix_->config_written(config(), offset, size);
    }
    std::unique_ptr<Msix> msix_;
};

class Machine {
  public:
    explicit Machine(Input input);
    ~Machine();
    void run();

  private:
    struct Virtio {
        std::shared_ptr<EchoDevice> device;
        std::shared_ptr<PciTransport> transport;
    };

    std::size_t size() { return 1 + input_.number(1) % 8; }
    unsigned slot() {
        const std::uint64_t number = input_.number(1);
        return number % 4 == 3 ? kMsixSlot : static_cast<unsigned>(number % 4);
    }
    Bytes data() {
        Bytes bytes(size());
        for (std::byte& byte : bytes) byte = static_cast<std::byte>(input_.number(1));
        return bytes;
    }
    static std::vector<std::uint32_t> sizes(unsigned slot) {
        if (slot == kMsixSlot) return {0, 0, 0, Msix::kBarSize};
        return slot == 1 || slot == 2 ? std::vector<std::uint32_t>{0x4000, Msix::kBarSize}
                                      : std::vector<std::uint32_t>{};
    }
    void step();
    void access_memory(std::uint64_t address);
    void start(Virtio& virtio);
    void raise();
    void check();
    void settle() {
        loop_.restart();
        while (loop_.poll() > 0) {
        }
    }

    Input input_;
    asio::io_context loop_{1};
    TestMemory memory_{4};
    FakeWiring wiring_;
    PciGuest guest_{wiring_};
    std::shared_ptr<MsixFunction> msix_;
    std::vector<Virtio> virtio_;
};

Machine::Machine(Input input) : input_(input) {
    // First, so that its vectors have the first messages.
    msix_ =
        std::make_shared<MsixFunction>(*Msix::create(wiring_, "msix", kMsixSlot << 3, kVectors));
    require(guest_.host().add(kMsixSlot, msix_).has_value());
    for (const unsigned slot : kVirtioSlots) {
        auto device = std::make_shared<EchoDevice>();
        auto made = PciTransport::create(loop_, memory_, wiring_, device, guest_.host(), slot);
        require(made.has_value());
        virtio_.push_back({std::move(device), *std::move(made)});
    }
}

Machine::~Machine() {
    for (Virtio& virtio : virtio_) {
        bool closed = false;
        virtio.transport->frontend().close([&] { closed = true; });
        settle();
        require(closed);
    }
    require(memory_.leases() == 0);
}

void Machine::access_memory(std::uint64_t address) {
    Bytes bytes = data();
    const auto access = IpaRange::make(Ipa{address}, bytes.size());
    const auto window = *IpaRange::make(Ipa{PciGuest::kMemory}, PciGuest::kMemorySize);
    if (!access || !window.contains(*access)) return;  // the bus gives it to others
    guest_.write(address, bytes);
    guest_.read(address, bytes);
}

void Machine::start(Virtio& virtio) {
    Frontend& f = virtio.transport->frontend();
    f.set_status(kStatusAcknowledge | kStatusDriver);
    f.set_driver_features(1, 3);
    f.set_status(kStatusFeaturesOk);
    for (unsigned queue = 0; queue < f.queue_count(); ++queue) {
        f.set_queue_size(queue, 16);
        for (const auto& [area, offset] : {std::pair(Frontend::Area::kDescriptors, 0U),
                                           {Frontend::Area::kDriver, 1024U},
                                           {Frontend::Area::kDevice, 2048U}})
            f.set_queue_address(queue, area, false,
                                static_cast<std::uint32_t>(TestMemory::kBase) +
                                    static_cast<std::uint32_t>(kPageSize4K) * queue + offset);
        f.set_queue_ready(queue, true);
    }
    f.set_status(kStatusDriverOk);
}

void Machine::raise() {
    const auto vector = static_cast<unsigned>(input_.number(1) % kVectors);
    static_cast<void>(wiring_.sent());
    const auto message = wiring_.message(vector);
    msix_->msix().raise(vector);
    std::array<std::byte, 4> pending{};
    msix_->msix().read(0x800, pending);
    const auto sent = wiring_.sent();
    require(message ? sent == std::vector{*message} : sent.empty());
    require((load_le<std::uint32_t>(pending) >> vector & 1) == (message ? 0 : 1));
}

void Machine::step() {
    switch (input_.number(1) % 12) {
        case 0: {  // any access to configuration space
            const std::uint64_t offset = input_.number(4) % Host::kEcamSize;
            Bytes bytes = data();
            if (offset + bytes.size() > Host::kEcamSize) break;
            guest_.host().ecam()->write(offset, bytes);
            guest_.host().ecam()->read(offset, bytes);
            break;
        }
        case 1:
        case 2: {  // one that may hit something
            const unsigned to = slot();
            const std::size_t offset = input_.number(1);
            Bytes bytes = data();
            guest_.write_config(to, offset, bytes);
            guest_.read_config(to, offset, bytes);
            break;
        }
        case 3:
            guest_.move_bar(slot(), static_cast<unsigned>(input_.number(1) % 6),
                            static_cast<std::uint32_t>(PciGuest::kMemory - 0x4000 +
                                                       (input_.number(1) % 32) * kPageSize4K));
            break;
        case 4:
            guest_.set_command(slot(), static_cast<std::uint16_t>(input_.number(2)));
            break;
        case 5:
            access_memory(PciGuest::kMemory + input_.number(3) % PciGuest::kMemorySize);
            break;
        case 6:
        case 7: {
            const unsigned of = slot();
            const std::uint64_t bar = guest_.bar(of, static_cast<unsigned>(input_.number(1) % 4));
            const std::uint64_t page = input_.number(1) % 4 * kPageSize4K;
            access_memory(bar + page + input_.number(1) % 128);
            break;
        }
        case 8:
            raise();
            break;
        case 9:
            start(virtio_[input_.number(1) % 2]);
            break;
        case 10: {
            EchoDevice& device = *virtio_[input_.number(1) % 2].device;
            if (device.starts > device.stops) device.session().set_config(data());
            break;
        }
        default:
            settle();
    }
}

void Machine::check() {
    std::vector<FakeWiring::Bell> expected;
    for (std::size_t i = 0; i < virtio_.size(); ++i) {
        Frontend& frontend = virtio_[i].transport->frontend();
        const auto base = guest_.answers(kVirtioSlots[i], 0, &Machine::sizes);
        for (unsigned queue = 0; base && queue < frontend.queue_count(); ++queue)
            expected.push_back(
                {{.address = *base + 0x3000 + 4UL * queue, .size = 2}, frontend.doorbell(queue)});
    }
    std::ranges::sort(expected, {}, [](const auto& bell) { return bell.doorbell.address; });
    require(wiring_.doorbells() == expected);

    const std::size_t capability = guest_.capabilities(kMsixSlot, kCapabilityMsix).at(0);
    const auto control = guest_.config<std::uint16_t>(kMsixSlot, capability + 2);
    const auto command = guest_.config<std::uint16_t>(kMsixSlot, kCommand);
    for (unsigned vector = 0; vector < kVectors; ++vector) {
        std::array<std::byte, 16> entry{};
        msix_->msix().read(16UL * vector, MutableByteSpan(entry).first(8));
        msix_->msix().read(16UL * vector + 8, MutableByteSpan(entry).subspan(8));
        std::optional<Message> message;
        if ((control & 0xc000) == 0x8000 && (command & kCommandMaster) != 0 &&
            (std::to_integer<unsigned>(entry[12]) & 1) == 0)
            message = Message{load_le<std::uint64_t>(entry),
                              load_le<std::uint32_t>(ByteSpan(entry).subspan(8)), kMsixSlot << 3};
        require(wiring_.message(vector) == message);
    }
    require(wiring_.violations().empty());
}

void Machine::run() {
    for (int i = 0; i < 200 && !input_.empty(); ++i) {
        step();
        check();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Machine(Input(std::as_bytes(std::span(data, size)))).run();
    return 0;
}
