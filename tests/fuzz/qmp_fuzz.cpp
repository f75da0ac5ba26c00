// Any bytes as what a client sends to the control socket, in pieces: what comes out of the stream
// is bounded, does not depend on the pieces, and every answer is one line of JSON.
#include <cstdlib>
#include <optional>

#include "fuzz/input.hpp"
#include "vmm/control/fake_target.hpp"
#include "vmm/control/json_stream.hpp"
#include "vmm/control/qmp_commands.hpp"

namespace {

using namespace rvmm;
using namespace rvmm::vmm;
using rvmm::fuzz::require;

/// Everything that is said to a client that sends `text` in pieces of `step`.
std::string conversation(std::string_view text, std::size_t step) {
    FakeTarget target;
    QmpCommands commands(target, "fuzz", [](std::string_view, const nlohmann::ordered_json&) {});
    JsonStream stream(4096);
    std::string said;
    while (!text.empty()) {
        std::string_view piece = text.substr(0, step);
        text.remove_prefix(piece.size());
        while (auto item = stream.next(piece)) {
            if (const auto* mistake = std::get_if<JsonStream::Mistake>(&*item)) {
                said += qmp_error({.description = mistake->what}, nullptr);
                if (mistake->fatal) return said;
                continue;
            }
            const auto& request = std::get<nlohmann::json>(*item);
            const auto id = request.find("id");
            int answers = 0;
            commands.run(request, [&](const QmpCommands::Answer& answer) {
                ++answers;
                const nlohmann::json* echoed = id == request.end() ? nullptr : &*id;
                said += answer ? qmp_return(*answer, echoed) : qmp_error(answer.error(), echoed);
            });
            require(answers == 1);
        }
        require(piece.empty());
    }
    return said;
}

}  // namespace

// The first byte: in what pieces the rest comes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
    const std::string said = conversation(text, std::size_t{1} + data[0]);
    require(said == conversation(text, size));
    std::string_view rest(said);
    while (!rest.empty()) {
        const std::size_t end = rest.find("\r\n");
        require(end != std::string_view::npos);
        require(nlohmann::json::accept(rest.substr(0, end)));
        rest.remove_prefix(end + 2);
    }
    return 0;
}
