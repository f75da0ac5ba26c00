// Writes an FDT node by node, in the order of the calls.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <libfdt.h>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace rvmm::realm {

enum FdtPhandle : std::uint32_t {
    kIntcPhandle = 1,
    kItsPhandle = 2,
    kClockPhandle = 3,
    kGpioPhandle = 4,
};
// The cells of an interrupt (Linux: Documentation/devicetree/bindings/interrupt-controller/
// arm,gic-v3.yaml).
enum FdtInterruptType : std::uint32_t { kSpi = 0, kPpi = 1 };
enum FdtInterruptTrigger : std::uint32_t { kEdgeRising = 1, kLevelHigh = 4, kLevelLow = 8 };

/// libfdt's sequential writer with a sticky error: a failed call makes those after it do nothing.
class FdtWriter {
  public:
    explicit FdtWriter(std::size_t capacity) : bytes_(capacity) {
        check(fdt_create(bytes_.data(), static_cast<int>(bytes_.size())));
        check(fdt_finish_reservemap(bytes_.data()));
    }

    void begin(const std::string& name) {
        if (ok()) check(fdt_begin_node(bytes_.data(), name.c_str()));
    }
    void begin_at(std::string_view name, std::uint64_t address) {
        begin(fmt::format("{}@{:x}", name, address));
    }
    void end() {
        if (ok()) check(fdt_end_node(bytes_.data()));
    }
    void flag(const char* name) {
        if (ok()) check(fdt_property(bytes_.data(), name, "", 0));
    }
    /// One or more strings, each with its NUL.
    void strings(const char* name, std::initializer_list<std::string_view> values) {
        std::string joined;
        for (const std::string_view value : values) (joined += value) += '\0';
        if (ok())
            check(
                fdt_property(bytes_.data(), name, joined.data(), static_cast<int>(joined.size())));
    }
    void cells(const char* name, std::initializer_list<std::uint32_t> values) {
        std::vector<fdt32_t> stored;
        for (const std::uint32_t value : values) stored.push_back(cpu_to_fdt32(value));
        const auto size = static_cast<int>(stored.size() * sizeof(fdt32_t));
        if (ok()) check(fdt_property(bytes_.data(), name, stored.data(), size));
    }
    /// Numbers of two cells each.
    void pairs(const char* name, std::initializer_list<std::uint64_t> values) {
        std::vector<fdt64_t> stored;
        for (const std::uint64_t value : values) stored.push_back(cpu_to_fdt64(value));
        const auto size = static_cast<int>(stored.size() * sizeof(fdt64_t));
        if (ok()) check(fdt_property(bytes_.data(), name, stored.data(), size));
    }

    Result<Bytes> finish() {
        if (ok()) check(fdt_finish(bytes_.data()));
        if (!ok())
            return fail(Stage::kInternal, "cannot write the device tree: {}", fdt_strerror(error_));
        bytes_.resize(fdt_totalsize(bytes_.data()));
        return std::move(bytes_);
    }

  private:
    bool ok() const { return error_ == 0; }
    void check(int error) {
        if (error < 0 && ok()) error_ = error;
    }
    Bytes bytes_;
    int error_ = 0;
};

}  // namespace rvmm::realm
