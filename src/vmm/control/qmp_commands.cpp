#include "vmm/control/qmp_commands.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "base/utf8.hpp"
#include "vmm/control/qmp_answers.hpp"

namespace rvmm::vmm {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kNegotiate = "qmp_capabilities";
constexpr std::size_t kMaxDescription = 1 << 10;  // bytes

std::unexpected<QmpError> refuse(std::string description,
                                 QmpErrorClass what = QmpErrorClass::kGeneric) {
    // It may repeat what a client has sent, and grows when it is escaped.
    if (description.size() > kMaxDescription) {
        description.resize(utf8_prefix(std::string_view(description).substr(0, kMaxDescription)));
        description += "...";
    }
    return std::unexpected(QmpError{what, std::move(description)});
}

QmpCommands::Answer nothing() {
    return ordered_json::object();
}

}  // namespace

struct QmpCommands::Command {
    std::string_view name;
    void (*run)(QmpCommands& self, const nlohmann::json& arguments, const Done& done);
    std::string_view argument = {};  // the only one it takes
};

std::span<const QmpCommands::Command> QmpCommands::table() {
    using Self = QmpCommands;
    static constexpr std::array kTable = {
        Command{kNegotiate,
                [](Self& self, const nlohmann::json& arguments, const Done& done) {
                    done(self.negotiate(arguments));
                },
                "enable"},
        Command{"query-status",
                [](Self& self, const nlohmann::json&, const Done& done) {
                    done(status_answer(self.target_.state()));
                }},
        Command{"query-version",
                [](Self&, const nlohmann::json&, const Done& done) { done(qmp_version()); }},
        Command{"query-commands",
                [](Self&, const nlohmann::json&, const Done& done) {
                    ordered_json list = ordered_json::array();
                    for (const Command& command : table()) list.push_back({{"name", command.name}});
                    done(std::move(list));
                }},
        Command{"query-name", [](Self& self, const nlohmann::json&,
                                 const Done& done) { done(ordered_json{{"name", self.name_}}); }},
        Command{"query-cpus-fast",
                [](Self& self, const nlohmann::json&, const Done& done) {
                    done(cpus_answer(self.target_.cpus()));
                }},
        Command{"query-block", [](Self& self, const nlohmann::json&,
                                  const Done& done) { done(block_answer(self.target_.disks())); }},
        Command{"stop",
                [](Self& self, const nlohmann::json&, const Done& done) { self.stop(done); }},
        Command{"cont",
                [](Self& self, const nlohmann::json&, const Done& done) { self.cont(done); }},
        Command{"system_powerdown", [](Self& self, const nlohmann::json&,
                                       const Done& done) { done(self.power_down()); }},
        Command{"quit",
                [](Self& self, const nlohmann::json&, const Done& done) {
                    done(nothing());
                    self.target_.quit();
                }},
        Command{"x-realm-query",
                [](Self& self, const nlohmann::json&, const Done& done) {
                    done(realm_answer(self.target_.facts()));
                }},
        Command{"x-stats", [](Self& self, const nlohmann::json&,
                              const Done& done) { done(self.target_.stats()); }},
    };
    return kTable;
}

void QmpCommands::run(const nlohmann::json& request, const Done& done) {
    const auto command = find(request);
    if (!command) return done(std::unexpected(command.error()));
    const nlohmann::json* given = member(request, "arguments");
    const nlohmann::json arguments = given == nullptr ? nlohmann::json::object() : *given;
    if (!arguments.is_object()) return done(refuse("'arguments' must be an object"));
    for (const auto& [key, value] : arguments.items())
        if (key != (*command)->argument)
            return done(refuse(fmt::format("Parameter '{}' is unexpected", key)));
    (*command)->run(*this, arguments, done);
}

std::expected<const QmpCommands::Command*, QmpError> QmpCommands::find(
    const nlohmann::json& request) const {
    for (const auto& [key, value] : request.items())
        if (key != "execute" && key != "arguments" && key != "id")
            return refuse(fmt::format("QMP input member '{}' is unexpected", key));
    const auto name = as_text(member(request, "execute"));
    if (!name) return refuse("QMP input lacks member 'execute', a string");
    const auto commands = table();
    const auto found = std::ranges::find(commands, *name, &Command::name);
    const auto not_found = QmpErrorClass::kCommandNotFound;
    if (found == commands.end())
        return refuse(fmt::format("The command {} has not been found", *name), not_found);
    if (!negotiated_ && *name != kNegotiate)
        return refuse(fmt::format("Expecting '{}' before command '{}'", kNegotiate, *name),
                      not_found);
    if (negotiated_ && *name == kNegotiate)
        return refuse("The negotiation of capabilities is over", not_found);
    return &*found;
}

QmpCommands::Answer QmpCommands::negotiate(const nlohmann::json& arguments) {
    if (const nlohmann::json* enable = member(arguments, "enable")) {
        const auto wanted = as_texts(enable);
        if (!wanted) return refuse("Parameter 'enable' must be an array of strings");
        if (!wanted->empty())
            return refuse(fmt::format("The capability '{}' is not available", wanted->front()));
    }
    negotiated_ = true;
    return nothing();
}

void QmpCommands::stop(const Done& done) {
    target_.stop([tell = tell_, done](const Result<>& stopped) {
        if (!stopped) return done(refuse(stopped.error().message()));
        tell("STOP", {});
        done(nothing());
    });
}

void QmpCommands::cont(const Done& done) {
    target_.cont([tell = tell_, done](const Result<>& running) {
        if (!running) return done(refuse(running.error().message()));
        tell("RESUME", {});
        done(nothing());
    });
}

QmpCommands::Answer QmpCommands::power_down() {
    if (const auto pressed = target_.power_down(); !pressed)
        return refuse(pressed.error().message());
    tell_("POWERDOWN", {});
    return nothing();
}

}  // namespace rvmm::vmm
