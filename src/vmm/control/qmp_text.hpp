// What a QMP server says, as one line each. ASCII, whatever the strings hold.
//
// Source: QEMU's qmp-spec ("Server Greeting", "Commands Responses", "Asynchronous events").
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace rvmm::vmm {

/// Bytes of a request's `id` as answers repeat it.
inline constexpr std::size_t kMaxId = 4 << 10;
bool fits_as_id(const nlohmann::json& id);

/// `id` is the request's; null pointer: it had none.
std::string qmp_return(nlohmann::ordered_json value, const nlohmann::json* id);

enum class QmpErrorClass : std::uint8_t { kGeneric, kCommandNotFound };
struct QmpError {
    QmpErrorClass what = QmpErrorClass::kGeneric;
    std::string description;
};
std::string qmp_error(const QmpError& error, const nlohmann::json* id);

/// `data` may be null: an event without any. The time is now.
std::string qmp_event(std::string_view name, nlohmann::ordered_json data);

/// What query-version returns.
nlohmann::ordered_json qmp_version();
std::string qmp_greeting();

}  // namespace rvmm::vmm
