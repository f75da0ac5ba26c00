#include "realm/spec/config_check.hpp"

#include <algorithm>
#include <vector>

#include "base/file.hpp"
#include "base/text.hpp"
#include "measure/token/ec_key.hpp"

namespace rvmm::realm {
namespace {

constexpr std::size_t kMaxKeyFile = 16 << 10;  // bytes

/// One visitor over the rules; each function checks setting_.value and stores it.
class Store {
  public:
    Store(const Setting& setting, ConfigDraft& draft) : setting_(setting), draft_(draft) {}

    Result<> operator()(const IntegerRule& rule) const {
        const auto* number = std::get_if<std::int64_t>(&setting_.value.data);
        if (number == nullptr || *number < 0) return refuse();
        return store_in_range(rule, static_cast<std::uint64_t>(*number));
    }

    Result<> operator()(const SizeRule& rule) const {
        if (const auto* text = std::get_if<std::string>(&setting_.value.data)) {
            const auto bytes = parse_size(*text);
            return bytes ? store_in_range(rule, *bytes) : refuse();
        }
        return (*this)(IntegerRule{rule.min, rule.max, rule.step, rule.store});
    }

    Result<> operator()(const SizesRule& rule) const {
        std::optional<std::uint64_t> bytes;
        if (const auto* text = std::get_if<std::string>(&setting_.value.data))
            bytes = parse_size(*text);
        else if (const auto* number = std::get_if<std::int64_t>(&setting_.value.data))
            bytes = static_cast<std::uint64_t>(*number);
        if (!bytes || std::ranges::find(rule.sizes, *bytes) == rule.sizes.end()) return refuse();
        rule.store(draft_, *bytes);
        return {};
    }

    Result<> operator()(const BooleanRule& rule) const {
        const auto* yes = std::get_if<bool>(&setting_.value.data);
        if (yes == nullptr) return refuse();
        rule.store(draft_, *yes);
        return {};
    }

    Result<> operator()(const TextRule& rule) const {
        RVMM_TRY(const std::string text, clean_text());
        if (text.size() < rule.min_bytes || text.size() > rule.max_bytes) return refuse();
        rule.store(draft_, text);
        return {};
    }

    Result<> operator()(const FormRule& rule) const {
        RVMM_TRY(const std::string text, clean_text());
        return rule.store(draft_, text) ? Result<>() : refuse();
    }

    Result<> operator()(const PathRule& rule) const {
        RVMM_TRY(auto path, file_path());
        rule.store(draft_, std::move(path));
        return {};
    }

    Result<> operator()(const ChoiceRule& rule) const {
        RVMM_TRY(const std::size_t index, choose(setting_.value, rule.names));
        rule.store(draft_, index);
        return {};
    }

    Result<> operator()(const ChoicesRule& rule) const {
        const auto* list = std::get_if<ConfigValue::List>(&setting_.value.data);
        if (list == nullptr || list->empty()) return refuse();
        std::vector<std::size_t> chosen;
        for (const ConfigValue& element : *list) {
            RVMM_TRY(const std::size_t index, choose(element, rule.names));
            if (std::find(chosen.begin(), chosen.end(), index) != chosen.end())
                return fail(Stage::kConfig, "{}: {} names {} twice", where(element),
                            setting_.key->full_name(), show(element));
            chosen.push_back(index);
        }
        rule.store(draft_, chosen);
        return {};
    }

    Result<> operator()(const HexRule& rule) const {
        const auto* text = std::get_if<std::string>(&setting_.value.data);
        const auto bytes = text == nullptr ? std::nullopt : from_hex(*text);
        if (!bytes || bytes->size() > rule.max_bytes) return refuse();
        rule.store(draft_, *bytes);
        return {};
    }

    Result<> operator()(const DigestRule& rule) const {
        const auto* text = std::get_if<std::string>(&setting_.value.data);
        const auto digest = text == nullptr ? std::nullopt : measure::Digest::from_hex(*text);
        if (!digest || digest->empty()) return refuse();
        rule.store(draft_, *digest);
        return {};
    }

    Result<> operator()(const KeyRule& rule) const {
        RVMM_TRY(const auto path, file_path());
        RVMM_TRY(const Bytes bytes, contents(path, kMaxKeyFile));
        const auto key = measure::token::PrivateKey::from_pem(bytes);
        if (!key)
            return std::unexpected(
                Error(key.error())
                    .with_context(fmt::format("{}: {} {}", where(setting_.value),
                                              setting_.key->name, path.string())));
        rule.store(draft_, bytes);
        return {};
    }

    Result<> operator()(const ContentsRule& rule) const {
        RVMM_TRY(const auto path, file_path());
        RVMM_TRY(const Bytes bytes, contents(path, rule.max_bytes));
        if (bytes.empty())
            return fail(Stage::kImage, "{}: {} {} is empty", where(setting_.value),
                        setting_.key->name, path.string());
        rule.store(draft_, bytes);
        return {};
    }

  private:
    Result<Bytes> contents(const std::filesystem::path& path, std::size_t max) const {
        auto bytes = read_file(setting_.key->name, path, max);
        if (bytes) return bytes;
        return std::unexpected(std::move(bytes).error().with_context(where(setting_.value)));
    }
    std::string where(const ConfigValue& value) const {
        return setting_.origin.where(value.position);
    }

    std::unexpected<Error> refuse() const { return refuse(setting_.value, ""); }
    std::unexpected<Error> refuse(const ConfigValue& value, std::string_view hint) const {
        return fail(Stage::kConfig, "{}: {} must be {}, not {}{}", where(value),
                    setting_.key->full_name(), expectation(setting_.key->rule), show(value), hint);
    }

    template <class RangeRule>
    Result<> store_in_range(const RangeRule& rule, std::uint64_t number) const {
        if (number < rule.min || number > rule.max || number % rule.step != 0) return refuse();
        rule.store(draft_, number);
        return {};
    }

    Result<std::size_t> choose(const ConfigValue& value,
                               std::span<const std::string_view> names) const {
        const auto* text = std::get_if<std::string>(&value.data);
        if (text == nullptr) return refuse(value, "");
        const auto found = std::find(names.begin(), names.end(), *text);
        if (found == names.end()) return refuse(value, did_you_mean(*text, names));
        return static_cast<std::size_t>(found - names.begin());
    }

    Result<std::string> clean_text() const {
        const auto* text = std::get_if<std::string>(&setting_.value.data);
        if (text == nullptr) return refuse();
        if (text->find('\0') != std::string::npos)
            return fail(Stage::kConfig, "{}: {} must not hold a NUL character",
                        where(setting_.value), setting_.key->full_name());
        return *text;
    }

    Result<std::filesystem::path> file_path() const {
        RVMM_TRY(const std::string text, clean_text());
        if (text.empty() || text.size() > kMaxPath) return refuse();
        return setting_.origin.folder / text;
    }

    const Setting& setting_;
    ConfigDraft& draft_;
};

}  // namespace

std::string Origin::where(Position position) const {
    if (!has_lines || position.line == 0) return name;
    return fmt::format("{}:{}:{}", name, position.line, position.column);
}

Result<> store_setting(const Setting& setting, ConfigDraft& draft) {
    return std::visit(Store(setting, draft), setting.key->rule);
}

}  // namespace rvmm::realm
