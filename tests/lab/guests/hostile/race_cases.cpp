// Another CPU changes what a request consists of, while the device looks at it; or it uses the
// device's registers, or converts memory, while this one makes requests.
#include "cases.hpp"
#include "cpu.hpp"
#include "pool.hpp"
#include "requests.hpp"
#include "rsi.hpp"
#include "runtime.hpp"
#include "smp.hpp"

namespace guest::hostile {
namespace {

constexpr std::uint64_t kAttemptMs = 200;
constexpr unsigned kTableBuffer = 3;

enum class Meddling : std::uint8_t {
    kAddress,
    kPrivateAddress,
    kLength,
    kLoop,
    kIndirect,
    kHead,
    kIndex,
    kTable,
    kHeader,
    kConversion,
    kReset,
    kRegisters,
    kBars,
    kMsix,
};

struct Race {
    Meddling what;
    bool realm_only;
    std::uint16_t type;  // of the only device that has it; 0: all
    bool pci_only;
    char name[32];
};
constexpr Race kRaces[] = {
    {Meddling::kAddress, false, 0, false, "an address"},
    {Meddling::kPrivateAddress, true, 0, false, "an address, to a private one"},
    {Meddling::kLength, false, 0, false, "a length"},
    {Meddling::kLoop, false, 0, false, "a link"},
    {Meddling::kIndirect, false, 0, false, "INDIRECT"},
    {Meddling::kHead, false, 0, false, "the available ring's entries"},
    {Meddling::kIndex, false, 0, false, "the available ring's index"},
    {Meddling::kTable, false, 0, false, "an indirect table"},
    {Meddling::kHeader, false, kBlock, false, "a header"},
    {Meddling::kConversion, true, 0, false, "what is shared"},
    {Meddling::kReset, false, 0, false, "the status"},
    {Meddling::kRegisters, false, 0, false, "nothing: it reads registers"},
    {Meddling::kBars, false, 0, true, "where the BARs are"},
    {Meddling::kMsix, false, 0, true, "MSI-X"},
};

/// What the other CPU is told.
struct Meddler {
    Meddling what;
    Driver* driver;
    Descriptor good;  // the part that is changed
    unsigned part;
    volatile std::uint64_t stop;
    volatile std::uint64_t stopped;
};
Meddler meddler;

/// The part as it is when it is wrong.
Descriptor wrong_part(const Meddler& m) {
    Descriptor wrong = m.good;
    switch (m.what) {
        case Meddling::kAddress:
            wrong.address = ram_end();
            break;
        case Meddling::kPrivateAddress:
            wrong.address = private_page() | realm().shared_bit;
            break;
        case Meddling::kLength:
            wrong.length = 0xffff'ffff;
            break;
        case Meddling::kLoop:
            wrong.flags |= kNext;
            wrong.next = static_cast<std::uint16_t>(m.part);
            break;
        default:
            wrong = {m.driver->buffer(kTableBuffer), 3 * sizeof(Descriptor), kIndirect, 0};
    }
    return wrong;
}

void meddle_with_ring(const Meddler& m, bool wrong) {
    Queue& queue = m.driver->requests();
    if (m.what == Meddling::kIndex) {
        queue.publish_index(static_cast<std::uint16_t>(queue.index() + (wrong ? 0x4000 : 0)));
        return;
    }
    for (std::uint16_t i = 0; i < queue.size(); ++i)
        queue.put_entry(i, wrong ? std::uint16_t{0xffff} : std::uint16_t{0});
}

void meddle_with_registers(const Transport& transport) {
    for (unsigned i = 0; i < 4; ++i) transport.status();
    for (unsigned i = 0; i < 8 && transport.config() != 0; ++i) mmio_read8(transport.config() + i);
}

void meddle_with_function(const PciRegisters& pci, Meddling what, bool wrong) {
    if (what == Meddling::kBars) {
        mmio_write16(pci.function() + kPciCommand, wrong ? 0 : kPciMemory | kPciMaster);
        return;
    }
    const std::uint64_t control = pci.function() + pci.msix_capability() + 2;
    mmio_write16(control, wrong ? 0x8000 : 0);
    for (unsigned vector = 0; vector < 2; ++vector) {
        mmio_write64(pci.msix_table() + 16 * vector, 0x8080'0040);
        mmio_write32(pci.msix_table() + 16 * vector + 12, wrong ? 0 : 1);
    }
}

void meddle_once(const Meddler& m, bool wrong) {
    const Driver& driver = *m.driver;
    switch (m.what) {
        case Meddling::kHead:
        case Meddling::kIndex:
            return meddle_with_ring(m, wrong);
        case Meddling::kTable: {
            Descriptor descriptor = m.good;
            if (wrong) descriptor.address = ram_end();
            return put_descriptor(driver.buffer(kTableBuffer), m.part, descriptor);
        }
        case Meddling::kHeader:
            return write_block_header(driver.buffer(0), kBlockRead, wrong ? ~std::uint64_t{0} : 0);
        case Meddling::kConversion:
            wrong ? make_private(m.good.address, 1) : make_shared(m.good.address, 1);
            return;
        case Meddling::kReset:
            return driver.transport().set_status(wrong ? 0 : kAcknowledge);
        case Meddling::kRegisters:
            return meddle_with_registers(driver.transport());
        case Meddling::kBars:
        case Meddling::kMsix:
            return meddle_with_function(driver.transport().pci(), m.what, wrong);
        default:
            put_descriptor(m.driver->requests().table(), m.part, wrong ? wrong_part(m) : m.good);
    }
}

/// On the other CPU. It leaves things right.
void meddle(void* argument) {
    Meddler& m = *static_cast<Meddler*>(argument);
    bool wrong = true;
    for (; m.stop == 0 || !wrong; wrong = !wrong) {
        meddle_once(m, wrong);
        pause();
    }
    barrier();
    m.stopped = 1;
}

std::size_t other_cpu() {
    for (std::size_t i = 0; i < machine().cpu_count; ++i) {
        if (machine().cpus[i] != my_affinity()) return i;
    }
    return machine().cpu_count;
}

bool start_meddling(Driver& driver, const Race& race) {
    const Request request = good_request(driver);
    const unsigned part = data_part(driver);
    meddler.what = race.what;
    meddler.driver = &driver;
    meddler.good = request.parts[part];
    meddler.part = part;
    if (part + 1 < request.count) {
        meddler.good.flags |= kNext;
        meddler.good.next = static_cast<std::uint16_t>(part + 1);
    }
    meddler.stop = 0;
    meddler.stopped = 0;
    barrier();
    return start_on(other_cpu(), meddle, &meddler, kPatienceMs);
}

bool stop_meddling() {
    meddler.stop = 1;
    const std::uint64_t deadline = now_ms() + 2 * kPatienceMs;
    while (meddler.stopped == 0) {
        if (now_ms() > deadline) return false;
    }
    barrier();
    return true;
}

/// Makes a request, and waits until the device took it, broke, or nothing comes of it.
void attempt(Driver& driver, Meddling what) {
    Request request = good_request(driver);
    if (what == Meddling::kTable) {
        const std::uint64_t table = driver.buffer(kTableBuffer);
        request.put_into(table);
        request = Request{}.add(table, request.count * sizeof(Descriptor), kIndirect);
    }
    driver.submit(request);
    const std::uint64_t deadline = now_ms() + kAttemptMs;
    Used used{};
    while (!driver.requests().wait_used(used, 0)) {
        if (driver.needs_reset_now() || now_ms() > deadline) {
            // Without its BARs the device does not say when a reset is done: that is for later.
            if (what != Meddling::kBars) driver.start();
            return;
        }
        pause();
    }
}

void run(Bench& bench, const Race& race, std::uint64_t rounds) {
    Driver& driver = bench.device();
    const bool harmless = race.what == Meddling::kRegisters || race.what == Meddling::kMsix;
    bench.recovers({"another CPU changes", race.name}, [&] {
        if (!start_meddling(driver, race)) return false;
        bool good = true;
        for (std::uint64_t i = 0; i < rounds; ++i) {
            if (harmless)
                good = works(driver) && good;
            else
                attempt(driver, race.what);
        }
        return stop_meddling() && good;
    });
}

}  // namespace

void race_cases(Bench& bench, std::uint64_t rounds) {
    if (other_cpu() == machine().cpu_count) return;
    bench.begin("races");
    const Transport& transport = bench.device().transport();
    for (const Race& race : kRaces) {
        const bool fits = (!race.realm_only || realm().active) &&
                          (race.type == 0 || race.type == transport.type()) &&
                          (!race.pci_only || transport.is_pci());
        if (fits) run(bench, race, rounds);
    }
    bench.end();
}

}  // namespace guest::hostile
