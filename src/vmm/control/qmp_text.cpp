#include "vmm/control/qmp_text.hpp"

#include <chrono>

#include <fmt/format.h>

#include "base/text.hpp"
#include "base/version.hpp"

namespace rvmm::vmm {
namespace {

using nlohmann::ordered_json;

std::string line(const ordered_json& json) {
    return json.dump(-1, ' ', true, ordered_json::error_handler_t::replace) + "\r\n";
}

/// One of the three numbers of our version.
std::uint64_t version_part(std::size_t index) {
    std::string_view rest = kVersion;
    for (std::size_t i = 0; i < index; ++i) rest.remove_prefix(rest.find('.') + 1);
    return parse_unsigned(rest.substr(0, rest.find('.'))).value_or(0);
}

}  // namespace

bool fits_as_id(const nlohmann::json& id) {
    return id.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace).size() <= kMaxId;
}

std::string qmp_return(ordered_json value, const nlohmann::json* id) {
    ordered_json json;
    json["return"] = std::move(value);
    if (id != nullptr) json["id"] = *id;
    return line(json);
}

std::string qmp_error(const QmpError& error, const nlohmann::json* id) {
    const bool generic = error.what == QmpErrorClass::kGeneric;
    ordered_json json;
    json["error"] = {{"class", generic ? "GenericError" : "CommandNotFound"},
                     {"desc", error.description}};
    if (id != nullptr) json["id"] = *id;
    return line(json);
}

std::string qmp_event(std::string_view name, ordered_json data) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
    ordered_json json;
    json["timestamp"] = {{"seconds", microseconds / 1'000'000},
                         {"microseconds", microseconds % 1'000'000}};
    json["event"] = name;
    if (!data.is_null()) json["data"] = std::move(data);
    return line(json);
}

ordered_json qmp_version() {
    ordered_json json;
    json["qemu"] = {
        {"micro", version_part(2)}, {"minor", version_part(1)}, {"major", version_part(0)}};
    json["package"] = fmt::format("rvmm {}", kVersion);
    return json;
}

std::string qmp_greeting() {
    ordered_json json;
    json["QMP"] = {{"version", qmp_version()}, {"capabilities", ordered_json::array()}};
    return line(json);
}

}  // namespace rvmm::vmm
