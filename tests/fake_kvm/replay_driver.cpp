#include "fake_kvm/replay_driver.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <linux/kvm.h>
#include <sys/eventfd.h>

#include "base/text.hpp"
#include "vmm/kvm/call_text.hpp"
#include "vmm/kvm/realm_abi.hpp"

namespace rvmm::vmm {
namespace {

constexpr auto kPatience = std::chrono::seconds(20);
constexpr auto kPause = std::chrono::microseconds(200);
constexpr long kLost = -EIO;  // answers every call after a failure
constexpr std::string_view kIrqLine = "IRQ_LINE";
constexpr const char* kDevKvm = "/dev/kvm";  // has no name before it is open

std::uint64_t named_number(std::string_view text, std::span<const kvm::Name> names) {
    const auto found = std::ranges::find(names, text, &kvm::Name::text);
    return found != names.end() ? found->value : parse_unsigned(text).value_or(0);
}

std::uint64_t flags_number(std::string_view text, std::span<const kvm::Name> names) {
    std::uint64_t value = 0;
    while (!text.empty()) {
        const std::size_t bar = std::min(text.find('|'), text.size());
        value |= named_number(text.substr(0, bar), names);
        text.remove_prefix(std::min(bar + 1, text.size()));
    }
    return value;
}

void store_bytes(std::string_view text, std::byte* at) {
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
        unsigned value = 0;
        std::from_chars(text.data() + i, text.data() + i + 2, value, 16);
        at[i / 2] = static_cast<std::byte>(value);
    }
}

void store_words(std::string_view text, std::byte* at) {
    while (!text.empty()) {
        const std::size_t comma = std::min(text.find(','), text.size());
        const std::uint64_t word = parse_unsigned(text.substr(0, comma)).value_or(0);
        std::memcpy(at, &word, sizeof word);
        at += sizeof word;
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
}

/// The inverse of kvm::value_text().
void store(const kvm::Field& field, std::size_t width, std::string_view text, std::byte* record) {
    std::byte* at = record + field.offset;
    if (field.form == kvm::Form::kBytes) return store_bytes(text, at);
    if (field.form == kvm::Form::kWords) return store_words(text, at);
    const std::uint64_t value = field.form == kvm::Form::kFlags ? flags_number(text, field.names)
                                                                : named_number(text, field.names);
    std::memcpy(at, &value, std::min(width, sizeof value));
}

}  // namespace

// ---- The recording -----------------------------------------------------------------------------

ReplayDriver::ReplayDriver(std::string_view recording, Report report) : report_(std::move(report)) {
    while (!recording.empty()) {
        const std::size_t end = std::min(recording.find('\n'), recording.size());
        const std::string_view line = recording.substr(0, end);
        recording.remove_prefix(std::min(end + 1, recording.size()));
        constexpr std::string_view kPageSize = "# page-size ";
        if (line.starts_with(kPageSize))
            page_size_ = parse_unsigned(line.substr(kPageSize.size())).value_or(0);
        if (!line.empty() && line[0] != '#') records_.push_back(parse(line));
    }
    queue_records();
}

void ReplayDriver::queue_records() {
    std::map<std::string, std::string> interrupted;  // the call of a vCPU's interrupted KVM_RUN
    for (Record& record : records_) {
        if (record.is_interrupted_run()) {
            if (record.call != record.name) interrupted[record.object] = record.call;
            continue;
        }
        if (record.name == kvm::kRunCall) {
            // What a read got, if that KVM_RUN took it.
            if (const auto call = interrupted.extract(record.object); !call.empty())
                record.call = call.mapped();
            exits_.push_back(&record);
        }
        queues_[record.name == kvm::kOpenCall ? kDevKvm : record.object].push_back(&record);
    }
}

ReplayDriver::Record ReplayDriver::parse(std::string_view line) {
    Record record;
    record.line = line;
    enum class At : std::uint8_t { kObject, kName, kInputs, kOutputs, kResult };
    At at = At::kObject;
    while (!line.empty()) {
        const std::size_t end = std::min(line.find(' '), line.size());
        const std::string word(line.substr(0, end));
        line.remove_prefix(std::min(end + 1, line.size()));
        const std::size_t equals = word.find('=');
        if (word == "->") {
            at = At::kOutputs;
        } else if (word == "=") {
            at = At::kResult;
        } else if (at == At::kObject) {
            record.object = word;
            at = At::kName;
        } else if (at == At::kName) {
            record.name = record.call = word;
            at = At::kInputs;
        } else if (at == At::kInputs) {
            record.call += " " + word;
        } else if (at == At::kResult) {
            record.result = word;
        } else if (equals == std::string::npos) {
            record.exit = word;
        } else {
            record.outputs.emplace_back(word.substr(0, equals), word.substr(equals + 1));
        }
    }
    return record;
}

bool ReplayDriver::Record::is_interrupted_run() const {
    return name == kvm::kRunCall && result == "EINTR";
}

long ReplayDriver::Record::error() const {
    return -kvm::errno_of(result);
}

std::string_view ReplayDriver::Record::output(std::string_view field) const {
    const auto found = std::ranges::find(
        outputs, field, [](const auto& pair) -> std::string_view { return pair.first; });
    return found != outputs.end() ? std::string_view(found->second) : std::string_view();
}

std::vector<std::string> ReplayDriver::unplayed() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> lines;
    for (const auto& [object, queue] : queues_)
        for (const Record* record : queue)
            if (record->name != kIrqLine) lines.push_back(record->line);
    return lines;
}

std::size_t ReplayDriver::open_descriptors() const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(
        std::ranges::count_if(made_, [](int fd) { return ::fcntl(fd, F_GETFD) >= 0; }));
}

// ---- Matching ----------------------------------------------------------------------------------

void ReplayDriver::mismatch(const std::string& what) {
    if (std::exchange(failed_, true)) return;  // what follows from the first says nothing
    if (report_)
        report_(what);
    else
        ADD_FAILURE() << what;
}

const ReplayDriver::Record* ReplayDriver::match(const std::string& object, std::string_view name,
                                                const std::string& call) {
    if (failed_) return nullptr;
    Queue& queue = queues_[object];
    const bool is_vcpu = object.substr(object.find('/') + 1).starts_with("vcpu");
    const auto found =
        is_vcpu ? queue.begin()
                : std::ranges::find(queue, name, [](const Record* record) -> std::string_view {
                      return record->name;
                  });
    if (found != queue.end() && (*found)->call == call) {
        const Record* record = *found;
        queue.erase(found);
        return record;
    }
    mismatch(fmt::format("call:     {} {}\nexpected: {}", object, call,
                         found != queue.end() ? (*found)->line : "no such call any more"));
    return nullptr;
}

int ReplayDriver::make(kvm::ObjectKind kind, int maker, std::uint64_t number) {
    const int fd = ::eventfd(0, EFD_CLOEXEC);
    made_.push_back(fd);
    const std::string name = names_.add(fd, kind, names_.find(maker), number).name;
    vcpus_.erase(fd);
    if (kind == kvm::ObjectKind::kVcpu) vcpus_[fd].object = name;
    return fd;
}

long ReplayDriver::answer(const Record& record, const kvm::Call& call, int fd,
                          std::uintptr_t argument) {
    const std::uint64_t base_before =
        call.name == "POPULATE" && argument != 0
            ? reinterpret_cast<const kvm::abi::Populate*>(argument)->base
            : 0;
    for (const kvm::Part& part : call.parts)
        for (const kvm::Field& field : part.fields)
            if (const auto text = record.output(field.name);
                !text.empty() && field.way != kvm::Way::kIn && field.form != kvm::Form::kObject)
                store(field, part.width_of(field), text, part.at);
    if (base_before != 0) {
        auto& populate = *reinterpret_cast<kvm::abi::Populate*>(argument);
        populate.source += populate.base - base_before;
    }
    if (const long error = record.error(); error != 0) return error;
    if (call.makes == kvm::ObjectKind::kDevice) {
        if (record.output("fd") == "?") return 0;  // asked only whether there could be one
        auto& device = *reinterpret_cast<kvm_create_device*>(argument);
        device.fd = static_cast<std::uint32_t>(make(call.makes, fd, call.number));
        return 0;
    }
    if (call.makes != kvm::ObjectKind::kNone) return make(call.makes, fd, call.number);
    return static_cast<long>(parse_unsigned(record.result).value_or(0));
}

// ---- Calls -------------------------------------------------------------------------------------

int ReplayDriver::open_kvm() {
    const std::lock_guard lock(mutex_);
    const Record* record = match(std::string(kDevKvm), kvm::kOpenCall, std::string(kvm::kOpenCall));
    const long error = record != nullptr ? record->error() : kLost;
    if (error != 0) return static_cast<int>(error);
    return make(kvm::ObjectKind::kSystem, -1, 0);
}

long ReplayDriver::ioctl(int fd, unsigned long request, std::uintptr_t argument) {
    if (request == KVM_RUN) return run(fd);
    const std::lock_guard lock(mutex_);
    const auto* object = names_.find(fd);
    const kvm::Call call = kvm::describe_call(
        object != nullptr ? object->kind : kvm::ObjectKind::kNone, request, argument);
    const std::string text = kvm::call_text(call, request, argument, names_);
    const std::string name = text.substr(0, text.find(' '));
    if (name == kIrqLine) return 0;  // from several threads, as the console's reader makes them
    const Record* record = match(names_.name(fd), name, text);
    return record != nullptr ? answer(*record, call, fd, argument) : kLost;
}

Result<Mapping> ReplayDriver::map_run(int vcpu_fd, std::size_t size) {
    const std::lock_guard lock(mutex_);
    const Record* record = match(names_.name(vcpu_fd), kvm::kMapRunCall,
                                 fmt::format("{} size={:#x}", kvm::kMapRunCall, size));
    const long error = record != nullptr ? record->error() : kLost;
    if (error != 0)
        return fail_errno(Stage::kLaunch, static_cast<int>(-error), "cannot map kvm_run");
    auto mapping = Mapping::create("replayed kvm_run", size, PROT_READ | PROT_WRITE,
                                   MAP_SHARED | MAP_ANONYMOUS, -1);
    if (mapping) vcpus_.at(vcpu_fd).run = reinterpret_cast<kvm_run*>(mapping->data());
    return mapping;
}

int ReplayDriver::punch_hole(int fd, std::uint64_t offset, std::uint64_t size) {
    const std::lock_guard lock(mutex_);
    const Record* record =
        match(names_.file(fd).name, kvm::kPunchHoleCall,
              fmt::format("{} offset={:#x} size={:#x}", kvm::kPunchHoleCall, offset, size));
    return static_cast<int>(record != nullptr ? record->error() : kLost);
}

std::optional<std::uint64_t> ReplayDriver::module_parameter(std::string_view name) {
    const std::lock_guard lock(mutex_);
    const std::string call = fmt::format("{} name={}", kvm::kParameterCall, name);
    Queue& queue = queues_["host"];
    for (const Record& record : records_) {
        if (record.call != call) continue;
        std::erase(queue, &record);
        return parse_unsigned(record.output("value"));
    }
    mismatch(fmt::format("call:     host {}\nexpected: no such call", call));
    return std::nullopt;
}

// ---- KVM_RUN -----------------------------------------------------------------------------------

ReplayDriver::Woken ReplayDriver::wait_for_exit(const Vcpu& vcpu) {
    const std::atomic_ref immediate_exit(vcpu.run->immediate_exit);
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (immediate_exit.load(std::memory_order_acquire) == 0) {
        {
            const std::lock_guard lock(mutex_);
            const Queue& queue = queues_[vcpu.object];
            if (!failed_ && !queue.empty()) {
                if (!exits_.empty() && queue.front() == exits_.front()) return Woken::kItsTurn;
                if (std::chrono::steady_clock::now() > deadline)
                    mismatch(
                        fmt::format("{} RUN waits for a kick or for another vCPU\nexpected: {}",
                                    vcpu.object, queue.front()->line));
            }
            if (failed_) return Woken::kFailure;
        }
        std::this_thread::sleep_for(kPause);
    }
    return Woken::kKick;
}

long ReplayDriver::leave(const Record& record, Vcpu& vcpu) {
    kvm_run& run = *vcpu.run;
    if (!record.exit.empty()) {
        const kvm::ExitForm form = kvm::exit_named(record.exit);
        run.exit_reason = form.reason;
        for (const kvm::Field& field : form.fields)
            if (const auto text = record.output(field.name); !text.empty())
                store(field, field.width, text, reinterpret_cast<std::byte*>(&run));
        if (record.exit == kvm::kMmioReadExit) run.mmio.is_write = 0;
        if (record.exit == kvm::kMmioWriteExit) {
            run.mmio.is_write = 1;
            run.mmio.len = static_cast<std::uint32_t>(record.output("data").size() / 2);
        }
    }
    vcpu.wants_data = record.exit == kvm::kMmioReadExit;
    if (const long error = record.error(); error != 0) return error;
    return static_cast<long>(parse_unsigned(record.result).value_or(0));
}

long ReplayDriver::run(int fd) {
    Vcpu* vcpu = nullptr;
    {
        const std::lock_guard lock(mutex_);
        const auto found = vcpus_.find(fd);
        if (found == vcpus_.end() || found->second.run == nullptr) {
            mismatch(fmt::format("{} RUN of what is no mapped vCPU", names_.name(fd)));
            return kLost;
        }
        vcpu = &found->second;
    }
    std::string call(kvm::kRunCall);
    if (vcpu->wants_data) {
        const kvm::Part data = kvm::mmio_read_data(*vcpu->run);
        call += " data=" + kvm::value_text(data.fields.front(), data, {});
    }
    const Woken woken = wait_for_exit(*vcpu);
    if (woken != Woken::kItsTurn) return woken == Woken::kKick ? -EINTR : kLost;
    const std::lock_guard lock(mutex_);
    const Record* record = match(vcpu->object, kvm::kRunCall, call);
    if (record == nullptr) return kLost;
    exits_.pop_front();
    return leave(*record, *vcpu);
}

}  // namespace rvmm::vmm
