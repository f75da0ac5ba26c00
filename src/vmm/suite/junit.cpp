#include "vmm/suite/junit.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/ranges.h>

#include "base/json_fields.hpp"
#include "base/utf8.hpp"
#include "vmm/suite/verdict.hpp"

namespace rvmm::vmm::suite {
namespace {

using JunitKind = JunitCase::Kind;

struct JunitCounts {
    std::size_t tests = 0, failures = 0, errors = 0, skipped = 0;
    double seconds = 0;

    void add(const JunitCase& one) {
        ++tests;
        failures += one.kind == JunitKind::kFailure;
        errors += one.kind == JunitKind::kError;
        skipped += one.kind == JunitKind::kSkipped;
        seconds += one.seconds;
    }
    std::string attributes() const {
        return fmt::format(
            "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{:.3f}\"", tests,
            failures, errors, skipped, seconds);
    }
};

std::string outcome_element(const JunitCase& one) {
    const std::string why = xml_text(one.why);
    switch (one.kind) {
        case JunitKind::kPassed:
            return {};
        case JunitKind::kSkipped:
            return fmt::format("      <skipped message=\"{}\"/>\n", why);
        case JunitKind::kFailure:
        case JunitKind::kError:
            break;
    }
    const char* name = one.kind == JunitKind::kFailure ? "failure" : "error";
    return fmt::format("      <{} message=\"{}\" type=\"{}\">{}</{}>\n", name, why, name,
                       xml_text(one.why + "\n" + one.details), name);
}

std::string properties_element(const JunitCase& one) {
    if (one.properties.empty()) return {};
    std::string text = "      <properties>\n";
    for (const auto& [name, value] : one.properties)
        text += fmt::format("        <property name=\"{}\" value=\"{}\"/>\n", xml_text(name),
                            xml_text(value));
    return text + "      </properties>\n";
}

std::string case_element(const JunitCase& one) {
    std::string inner = properties_element(one) + outcome_element(one);
    if (!one.output.empty())
        inner += fmt::format("      <system-out>{}</system-out>\n", xml_text(one.output));
    const std::string begin =
        fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3f}\"",
                    xml_text(one.suite), xml_text(one.name), one.seconds);
    return inner.empty() ? begin + "/>\n" : begin + ">\n" + inner + "    </testcase>\n";
}

/// U+FFFE and U+FFFF, the two characters of UTF-8 that are none of XML's.
bool is_noncharacter(std::string_view character) {
    return character == "\xef\xbf\xbe" || character == "\xef\xbf\xbf";
}

void append_plain(std::string& out, char c) {
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
        case '&':
            out += "&amp;";
            return;
        case '<':
            out += "&lt;";
            return;
        case '>':
            out += "&gt;";
            return;
        case '"':
            out += "&quot;";
            return;
        case '\n':
        case '\t':
            out += c;
            return;
        default:
            break;
    }
    if (byte < 0x20 || byte == 0x7f)
        out += fmt::format("\\x{:02x}", byte);
    else
        out += c;
}

}  // namespace

std::string xml_text(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t good = utf8_prefix(text);
        const std::string_view valid = text.substr(0, good);
        for (std::size_t i = 0; i < valid.size(); ++i) {
            if (is_noncharacter(valid.substr(i, 3))) {
                out += "\\ufff";
                out += valid[i + 2] == '\xbe' ? 'e' : 'f';
                i += 2;
            } else {
                append_plain(out, valid[i]);
            }
        }
        text.remove_prefix(good);
        if (text.empty()) break;
        out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
        text.remove_prefix(1);
    }
    return out;
}

std::string junit_document(std::span<const JunitCase> cases) {
    struct Suite {
        std::string name;
        JunitCounts counts = {};
        std::string elements = {};
    };
    std::vector<Suite> suites;
    JunitCounts all;
    for (const JunitCase& one : cases) {
        auto suite = std::ranges::find(suites, one.suite, &Suite::name);
        if (suite == suites.end()) suite = suites.insert(suites.end(), {one.suite});
        suite->counts.add(one);
        suite->elements += case_element(one);
        all.add(one);
    }
    std::string text =
        fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"rvmm\" {}>\n",
                    all.attributes());
    for (const Suite& suite : suites)
        text += fmt::format("  <testsuite name=\"{}\" {}>\n{}  </testsuite>\n",
                            xml_text(suite.name), suite.counts.attributes(), suite.elements);
    return text + "</testsuites>\n";
}

std::string junit_details(const std::vector<std::string>& messages, std::string_view report) {
    std::string text;
    for (const std::string& message : messages) text += message + "\n";
    const auto facts = read_report(report);
    if (!facts) return text;
    for (std::size_t i = 0; i < facts->last_exits.size(); ++i) {
        if (facts->last_exits[i].empty()) continue;
        text += fmt::format("last exits of vCPU {}:\n", i);
        for (const std::string& exit : facts->last_exits[i]) text += "  " + exit + "\n";
    }
    return text;
}

std::string junit_of_run(const JunitRun& run) {
    const std::string name = std::filesystem::path(run.config).stem().string();
    JunitCase one{.suite = "rvmm.run", .name = name, .seconds = run.seconds};
    if (!run.error.empty()) {
        one.kind = JunitKind::kError;
        one.why = run.error;
    } else if (run.exit_code != 0) {
        // Without a report there was no guest: a signal came before, say.
        one.kind = run.report.empty() ? JunitKind::kError : JunitKind::kFailure;
        one.why = "exit code " + exit_code_in_words(run.exit_code);
        if (const auto facts = read_report(run.report); facts && !facts->detail.empty())
            one.why += ": " + facts->detail;
    }
    one.details = junit_details({}, run.report);
    if (const auto json = parse_object(run.report))
        if (const auto tail = as_texts(member(*json, "console_tail")))
            one.output = fmt::format("{}\n", fmt::join(*tail, "\n"));
    return junit_document(std::span(&one, 1));
}

}  // namespace rvmm::vmm::suite
