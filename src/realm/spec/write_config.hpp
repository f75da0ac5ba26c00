// A spec as config text: what a lab gets to run.
#pragma once

#include <string>
#include <string_view>

#include "realm/spec/realm_spec.hpp"

namespace rvmm::realm {

/// Files beside a config that write_config() made, which hold the keys.
inline constexpr std::string_view kPlatformKeyFile = "platform-key.pem";
inline constexpr std::string_view kRealmKeyFile = "realm-key.pem";

/// TOML that parse_config() reads back as the same spec, but for `source`, the paths of the images
/// (as given here) and the hosts that may run it (none are named).
/// Keys of tokens are named as files beside it, which the caller puts there.
/// Paths of devices are written as they are, so they must be absolute or the reader's folder ours.
std::string write_config(const RealmSpec& spec, const std::string& kernel,
                         const std::optional<std::string>& initrd);

/// `text`, which is UTF-8, as a TOML basic string on one line (TOML 1.0, "String").
std::string toml_string(std::string_view text);

/// The tables of one device, each key on a line of its own.
std::string write_device(const DeviceSpec& device);

}  // namespace rvmm::realm
