#include "common/attest/provenance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <functional>

#include "absl/strings/str_replace.h"
#include "common/attest/dsse.h"
#include "tests/support/golden.h"
#include "tests/unit/attest/example.h"

namespace gofarm::attest {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

std::string Written(const Provenance& p) {
  const auto statement = ToStatement(p);
  EXPECT_TRUE(statement.ok()) << statement.status();
  return statement.value_or("");
}

std::string With(std::string_view from, std::string_view to) {
  const std::string good = Written(HeyProvenance());
  std::string changed = absl::StrReplaceAll(good, {{Av(from), Av(to)}});
  EXPECT_NE(changed, good) << from;
  return changed;
}

TEST(ProvenanceTest, OfARealBuildIsTheGoldenFileAndReadAgain) {
  const std::string statement = Written(HeyProvenance());
  gofarm::testing::ExpectGolden("attest/statement.json", statement);
  const auto again = ParseStatement(statement);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*again, HeyProvenance());
  EXPECT_EQ(Written(*again), statement);
}

void ExpectSortedKeys(simdjson::dom::element element) {
  if (element.is_array()) {
    for (const simdjson::dom::element item : element.get_array()) ExpectSortedKeys(item);
  }
  if (!element.is_object()) return;
  std::string last;
  for (const auto& [key, value] : simdjson::dom::object(element.get_object())) {
    EXPECT_LT(last, key);
    last = std::string(key);
    ExpectSortedKeys(value);
  }
}

TEST(ProvenanceTest, TheFormIsCanonical) {
  Provenance p = HeyProvenance();
  p.dependencies[0].replaces = "example.com/x@v1.0.0";
  p.reproduced = Reproduced::kTrue;
  const std::string statement = Written(p);
  EXPECT_THAT(statement, Not(HasSubstr("\n")));
  EXPECT_THAT(statement, Not(HasSubstr("\": ")));
  simdjson::dom::parser parser;
  ExpectSortedKeys(parser.parse(statement));
  EXPECT_EQ(ParseStatement(statement).value(), p);
}

TEST(ProvenanceTest, TheSubjectsBytesAreFoundWhateverTheFileIsCalledNow) {
  const Provenance p = HeyProvenance();
  const Expectation expected{.sha256 = DigestNumber(1), .builder_id = kBuilder};
  EXPECT_EQ(CheckProvenance(p, expected).value().name, "hey");
  const auto code_of = [&](const std::function<void(Expectation&)>& change) {
    Expectation changed = expected;
    change(changed);
    return CheckProvenance(p, changed).status().code();
  };
  EXPECT_EQ(code_of([](Expectation& e) {
              e.module = "github.com/rakyll/hey";
              e.version = "v0.1.5";
              e.target = "x86_64";
            }),
            absl::StatusCode::kOk);
  EXPECT_EQ(code_of([](Expectation& e) { e.sha256 = DigestNumber(9); }), absl::StatusCode::kDataLoss);
  EXPECT_EQ(code_of([](Expectation& e) { e.sha256.clear(); }), absl::StatusCode::kDataLoss);
  EXPECT_EQ(code_of([](Expectation& e) { e.builder_id += "/"; }), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(code_of([](Expectation& e) { e.builder_id.clear(); }), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(code_of([](Expectation& e) { e.module = "github.com/rakyll"; }), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(code_of([](Expectation& e) { e.version = "v0.1.4"; }), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(code_of([](Expectation& e) { e.target = "aarch64"; }), absl::StatusCode::kFailedPrecondition);
}

TEST(ProvenanceTest, AStatementOfAnotherKindIsRefusedWithTheReason) {
  for (const auto& [statement, why] : std::vector<std::pair<std::string, std::string>>{
           {"", ""},
           {"{}", "_type"},
           {"[]", ""},
           {With("in-toto.io/Statement/v1", "in-toto.io/Statement/v0.1"), "statement of type"},
           {With("slsa.dev/provenance/v1", "cyclonedx.org/bom"), "predicate is of type"},
           {With("go-static-pie:v1", "go-static-pie:v2"), "build is of type"},
           {With("\"commandDirectory\"", "\"ldflags\":\"-X a=b\",\"commandDirectory\""), "\"ldflags\" is unknown"},
           {With("\"commandDirectory\":\".\",", ""), "no command directory"},
           {With("\"commandDirectory\":\".\"", "\"commandDirectory\":{}"), "externalParameters"},
           {With("\"dirHash\"", "\"dirHash1\""), "no digest"},
           {With("\"main-module\"", "\"dependency\""), "no path of a module"},
           {With("\"dependency\"", "\"main-module\""), "two main modules"},
           {With("\"dependency\"", "\"\x01\x1b[31m\""), ""},
           {With("pkg:golang/golang.org/x/net@v0.48.0", "pkg:golang/golang.org/x/net@v0.47.0"), "has the URI"},
           {With("\"version\":\"v0.1.5\"", "\"version\":\"v0.1.4\""), "was asked for"},
           {With("\"gofarm_reproduced\":\"\"", "\"gofarm_reproduced\":\"maybe\""), "reproduced"},
           {With("\"invocationId\":\"4711\"", "\"invocationId\":\"\""), "invocation id"},
           {With("\"startedOn\":\"2027", "\"startedOn\":\"2028"), "finished before"},
           {With("\"startedOn\":\"2027", "\"startedOn\":\"x"), "startedOn"},
           {With(DigestNumber(1), "abc"), "no digest"},
           {std::string(kStatementBytesMax + 1, ' '), "at most"}}) {
    const auto refused = ParseStatement(statement);
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument) << statement.substr(0, 4000);
    EXPECT_THAT(Message(refused.status()), HasSubstr(why));
    EXPECT_THAT(Message(refused.status()), Not(HasSubstr("\x1b")));
  }
}

TEST(ProvenanceTest, WhatOtherReleasesAddElsewhereIsPassedOver) {
  EXPECT_EQ(ParseStatement(With("\"invocationId\"", "\"gofarm_new\":\"x\",\"invocationId\"")).value(), HeyProvenance());
}

TEST(ProvenanceTest, NothingIncompleteIsWritten) {
  const auto message_of = [](const std::function<void(Provenance&)>& change) {
    Provenance p = HeyProvenance();
    change(p);
    const auto refused = ToStatement(p);
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
    return Message(refused.status());
  };
  EXPECT_THAT(message_of([](Provenance& p) { p.subjects.clear(); }), HasSubstr("no subject"));
  EXPECT_THAT(message_of([](Provenance& p) { p.subjects[1].name = "hey"; }), HasSubstr("twice"));
  EXPECT_THAT(message_of([](Provenance& p) { p.subjects[1].sha256.clear(); }), HasSubstr("LICENSE"));
  EXPECT_THAT(message_of([](Provenance& p) { p.subjects[0].blake3 = "x"; }), HasSubstr("no digest"));
  EXPECT_THAT(message_of([](Provenance& p) { p.subjects[0].name.clear(); }), HasSubstr("no name"));
  EXPECT_THAT(message_of([](Provenance& p) { p.subjects.resize(kSubjectsMax + 1, p.subjects[0]); }),
              HasSubstr("at most"));
  EXPECT_THAT(message_of([](Provenance& p) { p.byproducts.resize(kByproductsMax + 1); }), HasSubstr("at most"));
  EXPECT_THAT(message_of([](Provenance& p) { p.byproducts[0].sha256 = "x"; }), HasSubstr("log"));
  EXPECT_THAT(message_of([](Provenance& p) { p.dependencies.resize(kMaterialsMax + 1); }), HasSubstr("at most"));
  EXPECT_THAT(message_of([](Provenance& p) { p.dependencies[0].dir_hash = kNetH1; }), HasSubstr("golang.org/x/net"));
  EXPECT_THAT(message_of([](Provenance& p) { p.dependencies[0].version.clear(); }), HasSubstr("no version"));
  EXPECT_THAT(message_of([](Provenance& p) { p.main_module.zip_sha256 = "x"; }), HasSubstr("no digest"));
  EXPECT_THAT(message_of([](Provenance& p) { p.toolchains[0].sha256 = "x"; }), HasSubstr("\"go\""));
  EXPECT_THAT(message_of([](Provenance& p) { p.toolchains[0].version = ""; }), HasSubstr("toolchain"));
  EXPECT_THAT(message_of([](Provenance& p) { p.module.clear(); }), HasSubstr("no module"));
  EXPECT_THAT(message_of([](Provenance& p) { p.builder_id.clear(); }), HasSubstr("builder"));
  EXPECT_THAT(message_of([](Provenance& p) { p.worker_class.clear(); }), HasSubstr("worker class"));
  EXPECT_THAT(message_of([](Provenance& p) { p.argv.clear(); }), HasSubstr("command line"));
  EXPECT_THAT(message_of([](Provenance& p) { p.started_on = absl::InfinitePast(); }), HasSubstr("time"));
  EXPECT_THAT(message_of([](Provenance& p) { std::swap(p.started_on, p.finished_on); }), HasSubstr("finished"));
}

TEST(ProvenanceTest, AStatementThatNobodyWouldReadIsNotWritten) {
  Provenance p = HeyProvenance();
  p.argv.push_back(std::string(kStatementBytesMax, 'x'));
  EXPECT_EQ(ToStatement(p).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(ProvenanceTest, TextFromOutsideIsTextInJson) {
  Provenance p = HeyProvenance();
  p.edits = {"\"},{\"name\":\"x\x1b[31m\xe2\x80\xae"};
  const std::string statement = Written(p);
  EXPECT_THAT(statement, Not(HasSubstr("\x1b")));
  EXPECT_EQ(ParseStatement(statement).value(), p);
}

}  // namespace
}  // namespace gofarm::attest
