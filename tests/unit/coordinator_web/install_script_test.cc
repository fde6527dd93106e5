// What a script says before any shell runs it; install_run_test.cc runs it.
#include "coordinator/web/install_script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "coordinator/web/shell_text.h"

namespace gofarm::web {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

InstallOffer Offer() {
  return {.name = "hey",
          .module = "github.com/rakyll/hey",
          .import_path = "github.com/rakyll/hey",
          .version = "v0.1.5",
          .page_url = "https://bins.example.com/p/github.com/rakyll/hey",
          .files = {{.target = Target::kX86_64,
                     .url = "https://bins.example.com/blobs/1",
                     .sha256 = std::string(64, 'a'),
                     .size = 7}}};
}

TEST(ShellTextTest, QuotesOnlyWhatNeedsIt) {
  EXPECT_EQ(ShellQuote("a'b"), R"('a'\''b')");
  EXPECT_EQ(ShellQuote(std::string_view("a\0b", 3)), "'ab'");
  EXPECT_EQ(ShellWord("https://a.example/i/x@v1.2"), "https://a.example/i/x@v1.2");
  EXPECT_EQ(ShellWord(""), "''");
  EXPECT_EQ(ShellWord("~root"), "'~root'");
  EXPECT_EQ(ShellWord("A=1"), "'A=1'");
  EXPECT_EQ(ShellWord("a;b"), "'a;b'");
  EXPECT_EQ(ShellQuotePrintable("\x1b[2J\n'", 100), R"('\x1b[2J\x0a'\''')");
  EXPECT_LE(ShellQuotePrintable(std::string(1 << 20, 'x'), 100).size(), 102u);
}

TEST(InstallScriptTest, AFieldThatNoScriptMayHoldIsNamed) {
  const auto fault = [](const std::function<void(InstallOffer&)>& change) {
    InstallOffer offer = Offer();
    change(offer);
    const auto script = InstallScript(offer);
    return script.ok() ? std::string("taken") : std::string(script.status().message());
  };
  EXPECT_EQ(fault([](InstallOffer&) {}), "taken");
  EXPECT_THAT(fault([](InstallOffer& o) { o.name = "../x"; }), HasSubstr("name \"../x\""));
  EXPECT_THAT(fault([](InstallOffer& o) { o.files[0].url = "file:///etc/passwd"; }), HasSubstr("url \"file:"));
  EXPECT_THAT(fault([](InstallOffer& o) { o.files[0].url = "http://a/'$(x)"; }), HasSubstr("url"));
  EXPECT_THAT(fault([](InstallOffer& o) { o.files[0].url = "http://a/ b"; }), HasSubstr("url"));
  EXPECT_THAT(fault([](InstallOffer& o) { o.files[0].url = "http://a/\u00e4"; }), HasSubstr("url"));
  EXPECT_EQ(fault([](InstallOffer& o) { o.files[0].url = "http://a/" + std::string(kScriptUrlMax - 9, 'x'); }),
            "taken");
  EXPECT_THAT(fault([](InstallOffer& o) { o.files[0].url = "http://a/" + std::string(kScriptUrlMax - 8, 'x'); }),
              HasSubstr("url"));
  EXPECT_THAT(fault([](InstallOffer& o) { o.files[0].sha256 = std::string(64, 'A'); }), HasSubstr("sha256"));
  EXPECT_THAT(fault([](InstallOffer& o) { o.files[0].size = 0; }), HasSubstr("size"));
  EXPECT_THAT(fault([](InstallOffer& o) { o.files[0].signature_url = "-x"; }), HasSubstr("signature_url"));
  EXPECT_THAT(fault([](InstallOffer& o) { o.files[0].signed_list_url = "x"; }), HasSubstr("signed_list_url"));
  EXPECT_THAT(fault([](InstallOffer& o) { o.page_url = "javascript:x"; }), HasSubstr("page_url"));
  EXPECT_THAT(fault([](InstallOffer& o) { o.public_key = "RW'"; }), HasSubstr("public_key"));
  EXPECT_THAT(fault([](InstallOffer& o) { o.public_key = std::string(200, 'R'); }), HasSubstr("public_key"));
  EXPECT_THAT(fault([](InstallOffer& o) { o.files[0].public_key = "RW'"; }), HasSubstr("public_key"));
  EXPECT_THAT(fault([](InstallOffer& o) { o.files.clear(); }), HasSubstr("files"));
  EXPECT_THAT(fault([](InstallOffer& o) { o.files.push_back(o.files[0]); }), HasSubstr("one for each target"));
}

TEST(InstallScriptTest, TheScriptIsBoundedWhateverTheTexts) {
  InstallOffer offer = Offer();
  offer.module = std::string(10 << 20, '\'');
  offer.import_path = std::string(10 << 20, '\x01');
  offer.version = std::string(10 << 20, '\xff');
  const auto script = InstallScript(offer);
  ASSERT_TRUE(script.ok()) << script.status();
  EXPECT_LT(script->size(), 32u << 10);
}

TEST(InstallAnswerTest, EveryAnswerIsAScriptThatSaysWhy) {
  const struct {
    absl::Status status;
    int code;
  } kCases[] = {{absl::InvalidArgumentError("no path"), 400}, {absl::NotFoundError("no such module"), 404},
                {absl::FailedPreconditionError("gone"), 410}, {absl::UnavailableError("no leader"), 503},
                {absl::ResourceExhaustedError("busy"), 503},  {absl::DeadlineExceededError("late"), 503},
                {absl::InternalError("broken"), 500},         {absl::PermissionDeniedError("no"), 500}};
  for (const auto& [status, code] : kCases) {
    const Answer answer = InstallAnswer(status);
    EXPECT_EQ(answer.status, code);
    EXPECT_THAT(answer.body,
                AllOf(HasSubstr("#!/bin/sh"), HasSubstr(std::string(status.message())), HasSubstr("exit 1")));
    EXPECT_EQ(answer.content_type, "text/plain; charset=utf-8");
    EXPECT_EQ(answer.headers.Get("X-Content-Type-Options"), "nosniff");
  }
  EXPECT_EQ(InstallAnswer(Offer()).status, 200);
  InstallOffer bad = Offer();
  bad.name = "a b";
  const Answer answer = InstallAnswer(bad);
  EXPECT_EQ(answer.status, 500);
  EXPECT_THAT(answer.body, AllOf(HasSubstr("a b"), HasSubstr("exit 1"), Not(HasSubstr("curl"))));
}

TEST(InstallAnswerTest, AReasonIsBounded) {
  EXPECT_LT(RefusalScript(std::string(10 << 20, '\x1b')).size(), kRefusalTextMax + 200);
}

}  // namespace
}  // namespace gofarm::web
