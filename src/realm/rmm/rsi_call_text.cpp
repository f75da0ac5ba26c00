#include "realm/rmm/rsi_call_text.hpp"

#include <algorithm>
#include <array>
#include <ranges>
#include <vector>

#include "base/bytes.hpp"
#include "base/text.hpp"
#include "rmi/rsi.hpp"

namespace rvmm::realm {

using rmi::RsiFunction;

namespace {

struct CallForm {
    std::string_view name;
    RsiFunction function;
    std::size_t numbers;  // in X1 and up
    bool bytes;           // then hex, in the registers after them, may follow
};

constexpr std::array<CallForm, 5> kForms = {{
    {"meas_read", RsiFunction::kMeasurementRead, 1, false},
    {"rem_extend", RsiFunction::kMeasurementExtend, 2, true},
    {"realm_config", RsiFunction::kRealmConfig, 1, false},
    {"token_init", RsiFunction::kAttestationTokenInit, 0, true},
    {"token_continue", RsiFunction::kAttestationTokenContinue, 3, false},
}};
constexpr std::size_t kMaxBytes = 64;

std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> words;
    for (const auto word : text | std::views::split(' '))
        if (!word.empty()) words.emplace_back(word.begin(), word.end());
    return words;
}

Result<const CallForm*> find_form(std::string_view name) {
    const auto form = std::ranges::find(kForms, name, &CallForm::name);
    if (form != kForms.end()) return &*form;
    std::array<std::string_view, kForms.size()> names;
    std::ranges::transform(kForms, names.begin(), &CallForm::name);
    const auto close = nearest(name, names);
    return fail(Stage::kConfig, "\"call\" is no RSI call known here{}",
                close ? fmt::format(", did you mean \"{}\"?", *close) : "");
}

}  // namespace

Result<rmi::SmcRegisters> parse_rsi_call(std::string_view text) {
    const std::vector<std::string_view> words = words_of(text);
    RVMM_TRY(const CallForm* form, find_form(words.empty() ? "" : words[0]));
    const std::size_t given = words.size() - 1;
    if (given < form->numbers || given > form->numbers + (form->bytes ? 1 : 0))
        return fail(Stage::kConfig, "{} takes {} numbers{}", form->name, form->numbers,
                    form->bytes ? " and hex" : "");
    rmi::SmcRegisters registers;
    registers.x[0] = static_cast<std::uint64_t>(form->function);
    for (std::size_t i = 1; i <= form->numbers; ++i) {
        const auto number = parse_unsigned(words[i]);
        if (!number) return fail(Stage::kConfig, "argument {} of {} is no number", i, form->name);
        registers.x.at(i) = *number;
    }
    if (given == form->numbers) return registers;
    auto bytes = from_hex(words.back());
    if (!bytes || bytes->size() > kMaxBytes)
        return fail(Stage::kConfig, "{} takes up to {} bytes of hex", form->name, kMaxBytes);
    bytes->resize(kMaxBytes);
    for (std::size_t i = 0; i < kMaxBytes / 8; ++i)
        registers.x.at(form->numbers + 1 + i) =
            load_le<std::uint64_t>(ByteSpan(*bytes).subspan(8 * i));
    return registers;
}

}  // namespace rvmm::realm
