// The shared vectors through run_steps(): every status, level, out_top, RIM and REM.
#include "realm/rmm/steps.hpp"

#include <fstream>
#include <iterator>
#include <set>

#include <gtest/gtest.h>

#include "measure/vectors.hpp"

namespace rvmm::realm {
namespace {

using measure::RemRule;
using measure::Rule;
using vectors::json;
using vectors::number;
using vectors::text;

std::string file_text(const std::string& name) {
    std::ifstream file(RVMM_TEST_DATA "/vectors/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
}

struct Counts {
    std::size_t cases = 0, steps = 0, refused = 0, rem_extensions = 0;
    friend bool operator==(const Counts&, const Counts&) = default;
};
void PrintTo(const Counts& counts, std::ostream* out) {
    *out << counts.cases << " cases, " << counts.steps << " steps, " << counts.refused
         << " refused, " << counts.rem_extensions << " REM extensions";
}

void compare(const StepOutcome& done, const json& step) {
    EXPECT_EQ(done.op, text(step.at("op")));
    EXPECT_EQ(to_hex(done.rim), text(step.at("rim")));
    EXPECT_EQ(done.rc, number(step.at("rc")));
    EXPECT_EQ(done.rc_level.has_value(), step.contains("rc_level"));
    if (done.rc_level && step.contains("rc_level")) {
        EXPECT_EQ(*done.rc_level, step.at("rc_level").get<int>());
    }
    EXPECT_EQ(done.out_top.has_value(), step.contains("out_top"));
    if (done.out_top && step.contains("out_top")) {
        EXPECT_EQ(*done.out_top, number(step.at("out_top")));
    }
    EXPECT_EQ(done.rem.has_value(), step.contains("rem"));
}

// REMs by the rule of TF-RMM are in every RSI step, those by the specification's wording only in
// the steps that extend one.
void compare_rems(const StepOutcome& done, const json& step, RemRule rule) {
    if (!done.rem) return;
    if (rule == RemRule::kTfRmm) {
        for (std::size_t i = 0; i < 4; ++i)
            EXPECT_EQ(to_hex(done.rem->at(i)), text(step.at("rem").at(i)));
    } else if (step.contains("rem_per_spec_text")) {
        const std::string index = text(step.at("call")).substr(11, 1);  // "rem_extend I ..."
        const auto& rem = done.rem->at(std::stoul(index) - 1);
        EXPECT_EQ(to_hex(rem), text(step.at("rem_per_spec_text")));
    }
}

Counts run_vectors(const char* file, Rule rule, RemRule rem_rule) {
    Counts counts;
    const auto outcome = run_steps(file_text(file), file, {.rule = rule, .rem_rule = rem_rule});
    if (!outcome) {
        ADD_FAILURE() << outcome.error().message();
        return counts;
    }
    const json cases = vectors::load(file).at("cases");
    EXPECT_EQ(outcome->cases.size(), cases.size());
    for (std::size_t i = 0; i < cases.size(); ++i) {
        const CaseOutcome& done = outcome->cases[i];
        const json& test = cases[i];
        ++counts.cases;
        EXPECT_EQ(done.name, text(test.at("name")));
        EXPECT_EQ(to_string(done.hash), text(test.at("hash")));
        EXPECT_EQ(to_hex(done.rim), text(test.at("final_rim")));
        EXPECT_EQ(done.steps.size(), test.at("steps").size());
        for (std::size_t j = 0; j < done.steps.size(); ++j) {
            const json& step = test.at("steps")[j];
            SCOPED_TRACE(fmt::format("{} step {}: {}", done.name, j + 1, step.dump()));
            compare(done.steps[j], step);
            compare_rems(done.steps[j], step, rem_rule);
            ++counts.steps;
            counts.refused += number(step.at("rc")) == 0 ? 0 : 1;
            counts.rem_extensions += step.contains("rem_per_spec_text") ? 1 : 0;
        }
    }
    return counts;
}

TEST(RunSteps, Rmm1Vectors_AnswerEveryStepAsRecorded) {
    for (const RemRule rule : {RemRule::kTfRmm, RemRule::kSpec})
        EXPECT_EQ(run_vectors("rim-rmm1.json", Rule::kRmm1, rule), (Counts{67, 1562, 285, 9}));
}

TEST(RunSteps, TfRmmVectors_AnswerEveryStepAsRecorded) {
    for (const RemRule rule : {RemRule::kTfRmm, RemRule::kSpec})
        EXPECT_EQ(run_vectors("rim-rmm2.json", Rule::kRmm2TfRmm, rule),
                  (Counts{75, 1692, 254, 18}));
}

TEST(RunSteps, DraftVectors_AnswerEveryStepAsRecorded) {
    for (const RemRule rule : {RemRule::kTfRmm, RemRule::kSpec})
        EXPECT_EQ(run_vectors("rim-rmm2-spec.json", Rule::kRmm2Spec, rule),
                  (Counts{75, 1692, 254, 18}));
}

constexpr std::string_view kCreate =
    R"({"op":"realm_create","s2sz":40,"num_bps":1,"num_wps":1,"hash_algo":0,)"
    R"("rtt_level_start":1,"rtt_num_start":2})";

std::string document(const std::string& steps) {
    return fmt::format(R"({{"rule":"rmm-1.0","steps":[{},{}]}})", kCreate, steps);
}

TEST(RunSteps, BareSteps_AreOneCase) {
    const auto outcome = run_steps(document(R"({"op":"realm_activate"})"), "x");
    ASSERT_TRUE(outcome) << outcome.error().message();
    EXPECT_EQ(outcome->rule, Rule::kRmm1);
    ASSERT_EQ(outcome->cases.size(), 1U);
    EXPECT_EQ(outcome->cases[0].name, "1");
    EXPECT_EQ(outcome->cases[0].steps.size(), 2U);
    EXPECT_EQ(outcome->cases[0].steps[1].rc, 0U);
}

TEST(RunSteps, PageByGeneratorHexAndDigest_GiveOneRim) {
    const std::string make = R"({"op":"rtt_create","ipa":0,"level":2},)"
                             R"({"op":"rtt_create","ipa":"0x0","level":"3"},)"
                             R"({"op":"data_create","ipa":4096,"flags":1,"content":)";
    const std::string digest(  // of 4096 zero bytes
        "ad7facb2586fc6e966c004d7d1d16b024f5805ff7cb47c7a85dabd8b48892ca7");
    std::set<std::string> rims;
    for (const std::string& content :
         {std::string(R"({"gen":"zero","page":7})"), R"({"digest":")" + digest + "\"}",
          R"({"hex":")" + std::string(8192, '0') + "\"}"}) {
        const auto outcome = run_steps(document(make + content + "}"), "x");
        ASSERT_TRUE(outcome) << outcome.error().message();
        EXPECT_EQ(outcome->cases[0].steps.back().rc, 0U);
        rims.insert(to_hex(outcome->cases[0].rim));
    }
    EXPECT_EQ(rims.size(), 1U);
}

// What comes too late, or before there is a realm.
TEST(RunSteps, CallsInTheWrongState_AreRefusedAndMeasureNothing) {
    const std::string rec = R"({"op":"rec_create","flags":1,"mpidr":0,"pc":0})";
    const std::string data = R"({"op":"data_create","ipa":0,"flags":0})";
    const std::string ripas = R"({"op":"rtt_init_ripas","base":0,"top":"0x40000000"})";
    const std::string enter = R"({"op":"rec_enter"})";
    const std::string activate = R"({"op":"realm_activate"})";
    const std::string early = fmt::format(R"({{"rule":"rmm-1.0","steps":[{},{},{},{},{}]}})", rec,
                                          data, ripas, enter, activate);
    const auto before = run_steps(early, "x");
    ASSERT_TRUE(before) << before.error().message();
    for (const StepOutcome& step : before->cases[0].steps) EXPECT_EQ(step.rc, 1U) << step.op;

    const std::string late = fmt::format("{},{},{},{},{},{},{},{},{}", enter, rec, enter, activate,
                                         rec, data, ripas, enter, activate);
    const auto after = run_steps(document(late), "x");
    ASSERT_TRUE(after) << after.error().message();
    std::vector<std::uint64_t> answers;
    for (const StepOutcome& step : after->cases[0].steps) answers.push_back(step.rc);
    EXPECT_EQ(answers, (std::vector<std::uint64_t>{0, 1, 0, 2, 0, 2, 2, 2, 0, 2}));
    EXPECT_EQ(after->cases[0].rim, after->cases[0].steps[2].rim);
}

TEST(RunSteps, TokenCalls_AnswerByItsSize) {
    const std::string steps =
        R"({"op":"rtt_create","ipa":0,"level":2},{"op":"rtt_create","ipa":0,"level":3},)"
        R"({"op":"data_create","ipa":0,"flags":0},{"op":"rec_create","flags":1,"mpidr":0,"pc":0},)"
        R"({"op":"realm_activate"},{"op":"rsi","call":"token_continue 0 0 600"},)"
        R"({"op":"rsi","call":"token_init 00"},{"op":"rsi","call":"token_continue 0 0 600"},)"
        R"({"op":"rsi","call":"token_continue 0 0 600"},{"op":"rsi","call":"token_continue 0 0 1"})";
    const auto outcome = run_steps(
        fmt::format(R"({{"rule":"rmm-1.0","platform":{{"token_size":1000}},"steps":[{},{}]}})",
                    kCreate, steps),
        "x");
    ASSERT_TRUE(outcome) << outcome.error().message();
    std::vector<std::uint64_t> answers;
    for (const StepOutcome& step : outcome->cases[0].steps) answers.push_back(step.rc);
    EXPECT_EQ(answers, (std::vector<std::uint64_t>{0, 0, 0, 0, 0, 0, 2, 0, 3, 0, 2}));
}

struct BadDocument {
    std::string text;
    std::string message;
};

TEST(RunSteps, BadDocuments_AreOneLineEachThatNamesThePlace) {
    const std::string name = R"({"rule":"rmm-1.0","cases":[{"name":"a","steps":[)";
    const std::string activate = R"({"op":"realm_activate"},)";
    const auto in_a = [&](const std::string& step) { return name + activate + step + "]}]}"; };
    const std::vector<BadDocument> bad = {
        {"{",
         "f: not JSON: parse error at line 1, column 2: syntax error while parsing object key "
         "- unexpected end of input; expected string literal"},
        {"[]", "f: not a JSON object"},
        {R"({"cases":[]})",
         "f: there is no \"rule\", and none was asked for: rmm-1.0, rmm-2.0/tf-rmm or "
         "rmm-2.0/spec"},
        {R"({"rule":"rmm-3"})", "f: \"rule\" is unknown: \"rmm-3\""},
        {R"({"rule":"rmm-1.0","cases":[]})", "f: \"cases\" lists no case"},
        {R"({"rule":"rmm-1.0"})", "f: case \"1\": there is no list \"steps\""},
        {R"({"rule":"rmm-1.0","hash":"md5","steps":[]})",
         "f: case \"1\": \"hash\" is sha256, sha384 or sha512, not \"md5\""},
        {R"({"rule":"rmm-1.0","platform":{"pa_width":99},"steps":[]})",
         "f: case \"1\": \"pa_width\" is at most 0x34, not 0x63"},
        {in_a("{}"), "f: case \"a\": step 2: there is no \"op\""},
        {in_a(R"({"op":"rec_creat"})"),
         "f: case \"a\": step 2 (\"rec_creat\"): there is no such op, "
         "did you mean \"rec_create\"?"},
        {in_a(R"({"op":"rtt_create","ipa":[]})"),
         "f: case \"a\": step 2 (\"rtt_create\"): \"ipa\" is no number: []"},
        {in_a(R"({"op":"rtt_create","ipa":-1})"),
         "f: case \"a\": step 2 (\"rtt_create\"): \"ipa\" is no number: -1"},
        {in_a(R"({"op":"rtt_create","ipa":0})"),
         "f: case \"a\": step 2 (\"rtt_create\"): there is no \"level\""},
        {in_a(R"({"op":"rec_create","flags":0,"mpidr":0,"pc":0,"gprs":[1]})"),
         "f: case \"a\": step 2 (\"rec_create\"): \"gprs\" is no list of 8 numbers: [1]"},
        {in_a(R"({"op":"data_create","ipa":0,"flags":1})"),
         "f: case \"a\": step 2 (\"data_create\"): a measured page without \"content\""},
        {in_a(R"({"op":"data_create","ipa":0,"flags":1,"content":{"gen":"x","page":0}})"),
         "f: case \"a\": step 2 (\"data_create\"): \"gen\" is lin, zero or ff, not \"x\""},
        {in_a(R"({"op":"data_create","ipa":0,"flags":1,"content":{"hex":"00"}})"),
         "f: case \"a\": step 2 (\"data_create\"): \"hex\" is a page of 4096 bytes, not 1"},
        {in_a(R"({"op":"data_create","ipa":0,"flags":1,"content":{"digest":"00"}})"),
         "f: case \"a\": step 2 (\"data_create\"): \"digest\" is no digest"},
        {in_a(R"({"op":"rsi","call":"meas_read 0"})"),
         "f: case \"a\": step 2 (\"rsi\"): no realm with a REC is active, so none calls RSI"},
        {in_a(R"({"op":"rsi","call":"meas_reed 0"})"),
         "f: case \"a\": step 2 (\"rsi\"): \"call\" is no RSI call known here, did you mean "
         "\"meas_read\"?"},
        {in_a(R"({"op":"rsi","call":"rem_extend 1"})"),
         "f: case \"a\": step 2 (\"rsi\"): rem_extend takes 2 numbers and hex"},
        {std::string(40, '['),
         "f: not JSON: parse error at line 1, column 41: syntax error while "
         "parsing value - unexpected end of input; expected '[', '{', or a "
         "literal"},
        {std::string(40, '[') + std::string(40, ']'), "f: nested deeper than 16 levels"},
    };
    for (const BadDocument& one : bad) {
        const auto outcome = run_steps(one.text, "f");
        ASSERT_FALSE(outcome) << one.text;
        EXPECT_EQ(outcome.error().message(), one.message);
        EXPECT_EQ(outcome.error().stage(), Stage::kConfig);
    }
}

TEST(ToJson, Outcome_IsOneDocumentOfTheLastCase) {
    const std::string file = file_text("rim-rmm2.json");
    const auto outcome = run_steps(file, "x", {.rule = Rule::kRmm2TfRmm});
    ASSERT_TRUE(outcome);
    const json printed = json::parse(to_json(*outcome));
    EXPECT_TRUE(text(printed.at("tool")).starts_with("rvmm "));
    EXPECT_EQ(printed.at("profile"), "rmm-2.0/tf-rmm");
    EXPECT_EQ(printed.at("rule"), "rmm-2.0/tf-rmm");
    const json vectors = vectors::load("rim-rmm2.json").at("cases");
    EXPECT_EQ(printed.at("rim"), vectors.back().at("final_rim"));
    EXPECT_EQ(printed.at("hash"), vectors.back().at("hash"));
    EXPECT_EQ(printed.at("rems").size(), 4U);
    ASSERT_EQ(printed.at("cases").size(), 75U);
    for (std::size_t i = 0; i < vectors.size(); ++i)
        for (std::size_t j = 0; j < vectors[i].at("steps").size(); ++j)
            for (const char* key : {"op", "rc_level", "out_top", "rim", "rem"}) {
                const json& given = vectors[i].at("steps")[j];
                const json& step = printed.at("cases")[i].at("steps")[j];
                EXPECT_EQ(step.value(key, json()), given.value(key, json())) << key << given;
            }
}

}  // namespace
}  // namespace rvmm::realm
