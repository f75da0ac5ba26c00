// The commands of the control socket: docs/control.md.
//
// Source: QEMU's QAPI reference (qemu-qmp-ref(7)) for the shapes of what they return.
#pragma once

#include <expected>
#include <functional>
#include <span>
#include <string>

#include <nlohmann/json.hpp>

#include "vmm/control/control_target.hpp"
#include "vmm/control/qmp_text.hpp"

namespace rvmm::vmm {

/// One client's conversation. On the loop.
class QmpCommands {
  public:
    /// What clients are told that did not ask.
    using Tell = std::function<void(std::string_view event, nlohmann::ordered_json data)>;
    using Answer = std::expected<nlohmann::ordered_json, QmpError>;
    using Done = std::function<void(Answer)>;

    /// `target` and what `tell` needs outlive it. `name` is the run's.
    QmpCommands(ControlTarget& target, std::string name, Tell tell)
        : target_(target), name_(std::move(name)), tell_(std::move(tell)) {}

    /// Whether the client has ended the negotiation: it is told events from then on.
    bool negotiated() const { return negotiated_; }
    /// Calls `done` once, at once or later; a next request comes after that.
    void run(const nlohmann::json& request, const Done& done);

  private:
    struct Command;
    static std::span<const Command> table();
    std::expected<const Command*, QmpError> find(const nlohmann::json& request) const;
    Answer negotiate(const nlohmann::json& arguments);
    void stop(const Done& done);
    void cont(const Done& done);
    Answer power_down();

    ControlTarget& target_;
    const std::string name_;
    Tell tell_;
    bool negotiated_ = false;
};

}  // namespace rvmm::vmm
