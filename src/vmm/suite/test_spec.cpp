#include "vmm/suite/test_spec.hpp"

#include <algorithm>
#include <map>

#include "base/exit_code.hpp"
#include "base/file.hpp"
#include "realm/spec/config_check.hpp"
#include "vmm/suite/test_keys.hpp"
#include "vmm/watch/pattern.hpp"

namespace rvmm::vmm::suite {
namespace {

namespace fs = std::filesystem;
using realm::ConfigEntry;
using realm::ConfigValue;
using realm::Position;

constexpr std::uint64_t kMaxTestFile = 1U << 20;  // bytes
constexpr std::size_t kShownComplaint = 300;
constexpr std::string_view kVary = "vary";
constexpr std::string_view kExpect = "expect";

class TestReader {
  public:
    explicit TestReader(const fs::path& path) : origin_{path.string(), path.parent_path(), true} {
        draft_.spec.source = path;
        draft_.folder = path.parent_path();
    }

    Result<TestSpec> read(std::string_view text) {
        RVMM_TRY(const auto entries, realm::read_toml(text, origin_.name));
        for (const ConfigEntry& entry : entries)
            if (!entry.key) RVMM_CHECK(add_top(entry));
        for (const ConfigEntry& entry : entries)
            if (entry.key) RVMM_CHECK(add_below(entry));
        RVMM_CHECK(check_patterns());
        RVMM_CHECK(check_ends());
        RVMM_CHECK(check_axes());
        return std::move(draft_.spec);
    }

  private:
    Result<> add_top(const ConfigEntry& entry) {
        const bool table = std::holds_alternative<ConfigValue::Table>(entry.value.data);
        if (entry.table == kVary && table) return {};
        if (entry.table == kVary)
            return origin_.refuse(entry.position, "vary must be a table, [vary], not {}",
                                  realm::show(entry.value));
        const TestKey* key = find_test_key(entry.table);
        if (key == nullptr)
            return origin_.refuse(entry.position, "{}", unknown_test_key(entry.table));
        positions_[key->name] = entry.value.position;
        if (const auto* list = std::get_if<ConfigValue::List>(&entry.value.data))
            for (const ConfigValue& element : *list)
                elements_[key->name].push_back(element.position);
        if (key->take(entry.value, draft_)) return {};
        if (!draft_.complaint.empty())
            return origin_.refuse(entry.value.position, "{}: {}", key->name, draft_.complaint);
        return origin_.refuse(entry.value.position, "{} must be {}, not {}", key->name, key->takes,
                              realm::show(entry.value));
    }

    Result<> add_below(const ConfigEntry& entry) {
        if (entry.table == kVary && !entry.element) {
            RVMM_TRY(Axis axis, Axis::make(entry, origin_));
            axis_positions_.push_back(entry.position);
            draft_.spec.vary.push_back(std::move(axis));
            return {};
        }
        // Of no other table but these is a key taken; add_top() has said so.
        if (entry.table != kExpect || entry.element.value_or(SIZE_MAX) >= draft_.spec.expect.size())
            return origin_.refuse(entry.position, "unknown key {}.{}", entry.table,
                                  realm::printable(*entry.key, realm::kShownKey));
        TestExpectation& expectation = draft_.spec.expect[*entry.element];
        if (*entry.key != "regex" && *entry.key != "send")
            return origin_.refuse(entry.position,
                                  "unknown key {} of an expectation; it has regex and send",
                                  realm::printable(*entry.key, realm::kShownKey));
        const bool sends = *entry.key == "send";
        const auto* text = std::get_if<std::string>(&entry.value.data);
        if (text == nullptr || text->size() > kMostText ||
            (!sends && argument_of(entry.value, kMostText) == nullptr))
            return origin_.refuse(entry.value.position,
                                  "{} must be a string of up to {} bytes, not {}", *entry.key,
                                  kMostText, realm::show(entry.value));
        (sends ? expectation.send : expectation.regex) = *text;
        return {};
    }

    /// Where the element `index` of `key` stands.
    Position position(std::string_view key, std::size_t index) const {
        const auto found = elements_.find(key);
        return found != elements_.end() && index < found->second.size() ? found->second[index]
                                                                        : positions_.at(key);
    }

    Result<> check_pattern(std::string_view key, std::size_t index,
                           const std::string& regex) const {
        if (regex.empty()) return origin_.refuse(position(key, index), "{}: it has no regex", key);
        const auto pattern = Pattern::compile(key, regex);
        if (pattern) return {};
        return std::unexpected(
            Error(Stage::kConfig,
                  fmt::format("{}: {}", origin_.where(position(key, index)),
                              realm::printable(pattern.error().message(), kShownComplaint)))
                .with_advice(pattern.error().advice()));
    }

    Result<> check_patterns() const {
        for (std::size_t i = 0; i < draft_.spec.expect.size(); ++i)
            RVMM_CHECK(check_pattern(kExpect, i, draft_.spec.expect[i].regex));
        for (std::size_t i = 0; i < draft_.spec.fail_on.size(); ++i)
            RVMM_CHECK(check_pattern("fail_on", i, draft_.spec.fail_on[i]));
        return {};
    }

    /// A case passes in one way alone.
    Result<> check_ends() const {
        const TestSpec& spec = draft_.spec;
        if (spec.image.empty())
            return fail(Stage::kConfig, "{}: image is missing: it must be {}", origin_.name,
                        find_test_key("image")->takes);
        if (spec.end_when_met && spec.expect.empty())
            return origin_.refuse(positions_.at("end_when_met"), "end_when_met needs an expect");
        if (spec.end_when_met && spec.exit_code != 0)
            return origin_.refuse(positions_.at("end_when_met"),
                                  "a run that end_when_met ends has exit_code 0");
        if (!spec.fail_on.empty() && spec.exit_code == to_int(ExitCode::kGuestPanic))
            return origin_.refuse(
                positions_.at("exit_code"),
                "a run that fail_on ends has that exit_code too: one of them alone");
        return {};
    }

    Result<> check_axes() const {
        const std::vector<Axis>& vary = draft_.spec.vary;
        std::size_t cases = 1;
        for (std::size_t i = 0; i < vary.size(); ++i) {
            if (vary[i].key.empty() && draft_.spec.host)
                return origin_.refuse(axis_positions_[i],
                                      "host and vary.host cannot both be given");
            const auto same = std::ranges::find(vary, vary[i].key, &Axis::key);
            if (same != vary.begin() + static_cast<std::ptrdiff_t>(i))
                return origin_.refuse(axis_positions_[i], "vary.{} and vary.{} are the same key",
                                      same->name, vary[i].name);
            cases *= vary[i].values.size();
            if (cases > kMostCases)
                return origin_.refuse(axis_positions_[i], "more than {} cases", kMostCases);
        }
        return {};
    }

    realm::Origin origin_;
    TestDraft draft_;
    std::map<std::string_view, Position> positions_;              // of values
    std::map<std::string_view, std::vector<Position>> elements_;  // of theirs
    std::vector<Position> axis_positions_;
};

}  // namespace

Result<TestSpec> TestSpec::load(const fs::path& path) {
    RVMM_TRY(const Bytes bytes, read_file("test", path, kMaxTestFile));
    return parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
}

Result<TestSpec> TestSpec::parse(std::string_view text, const fs::path& path) {
    return TestReader(path).read(text);
}

std::size_t TestSpec::variations() const {
    std::size_t count = 1;
    for (const Axis& axis : vary) count *= axis.values.size();
    return count;
}

}  // namespace rvmm::vmm::suite
