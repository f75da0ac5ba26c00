#include "base/error.hpp"

#include <system_error>

namespace rvmm {

std::string_view to_string(Stage stage) {
    switch (stage) {
        case Stage::kUsage:
            return "usage";
        case Stage::kConfig:
            return "config";
        case Stage::kImage:
            return "image";
        case Stage::kHostCannot:
            return "host-cannot";
        case Stage::kHostNotAllowed:
            return "host-not-allowed";
        case Stage::kMeasurement:
            return "measurement";
        case Stage::kLaunch:
            return "launch";
        case Stage::kGuest:
            return "guest";
        case Stage::kInternal:
            return "internal";
    }
    return "internal";
}

Error Error::from_errno(Stage stage, std::string what, int error_number) {
    what += ": ";
    what += std::generic_category().message(error_number);
    Error error(stage, std::move(what));
    error.error_number_ = error_number;
    return error;
}

Error Error::with_context(std::string_view context) && {
    what_.insert(0, ": ");
    what_.insert(0, context);
    return std::move(*this);
}

Error Error::with_advice(std::string advice) && {
    advice_ = std::move(advice);
    return std::move(*this);
}

Error Error::with_stage(Stage stage) && {
    stage_ = stage;
    return std::move(*this);
}

}  // namespace rvmm
