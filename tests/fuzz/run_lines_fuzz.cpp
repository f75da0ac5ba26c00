// What a lab says of the runs of a suite, and what is made of it: TAP and JUnit's XML.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "base/utf8.hpp"
#include "vmm/suite/suite_run.hpp"
#include "vmm/suite/tap.hpp"

namespace {

using namespace rvmm;
using namespace rvmm::vmm::suite;

constexpr std::size_t kCases = 3;

void require(bool condition) {
    if (!condition) std::abort();
}

/// One line for each line of text, and nothing that is more than text.
void check_text(std::string_view text) {
    require(is_utf8(text));
    for (const char c : text)
        require(c == '\n' || c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f));
}

void check_run(CaseRun run) {
    static const TestCase kCase = {
        .suite = "s",
        .variation = {},
        .spec = std::make_shared<const TestSpec>(*TestSpec::parse("image = \"a\"", "a.test.toml")),
        .host = vmm::RunsOn::kLab};
    for (const std::string& line : run.console) require(line.find('\n') == std::string::npos);
    const CaseResult result = judge(*kCase.spec, std::move(run), {"emulated", true, "aa"});
    require(result.why.find('\n') == std::string::npos);
    const std::string tap = tap_point(1, kCase, result);
    require(tap.find("\nok ") == std::string::npos && tap.find("\nBail") == std::string::npos);
    check_text(junit_document(junit_cases({kCase}, {result})));
}

}  // namespace

// The first byte: in what pieces the rest comes, and whether it begins with a good line.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    std::string text(reinterpret_cast<const char*>(data + 1), size - 1);
    if (data[0] % 2 == 1)
        text = run_line(1, {.report = "{\"host\":\"emulated\"}", .console = {"x"}}) + text;
    const std::size_t step = std::size_t{1} + data[0] / 2;
    RunLines lines(kCases, [](std::size_t index, CaseRun run) {
        require(index < kCases);
        check_run(std::move(run));
    });
    for (std::size_t at = 0; at < text.size(); at += step)
        if (!lines.feed(as_bytes(std::string_view(text).substr(at, step)))) return 0;
    return 0;
}
