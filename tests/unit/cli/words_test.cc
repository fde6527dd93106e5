// The words of the command line, with the real program and no farm: which are taken, what is said of the others, exit
// codes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "common/base/text.h"
#include "common/process/run.h"

namespace gofarm::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Program() {
  const char* const folder = std::getenv("GOFARM_BIN_DIR");
  return Cat(folder == nullptr ? "." : folder, "/gofarm");
}

process::CommandResult Call(std::vector<std::string> argv) {
  const absl::StatusOr<process::CommandResult> result = process::Run(
      Scope::For(absl::Seconds(30)),
      {.argv = std::move(argv),
       .environment = process::InheritedWith({{"GOFARM_DIR", "/nonexistent/farm"}, {"GOFARM_SERVER", ""}})});
  EXPECT_TRUE(result.ok()) << result.status();
  return result.value_or(process::CommandResult{});
}

process::CommandResult Gofarm(const std::vector<std::string>& words) {
  std::vector<std::string> argv{Program()};
  argv.insert(argv.end(), words.begin(), words.end());
  return Call(argv);
}

process::CommandResult Shell(const std::string& text) { return Call({"/bin/sh", "-c", text, "sh", Program()}); }

void ExpectWrong(const std::vector<std::string>& words, const std::string& message) {
  const process::CommandResult result = Gofarm(words);
  EXPECT_EQ(result.exit_code, 2) << result.err;
  EXPECT_THAT(result.err, HasSubstr(message));
  EXPECT_THAT(result.out, IsEmpty());
}

TEST(WordsTest, AnUnknownVerbIsNamedWithTheNearOnes) {
  ExpectWrong({"sbumit", "a.test/m"}, "\"sbumit\" is no verb of gofarm; did you mean: gofarm submit\n");
  ExpectWrong({"--output", "json", "batch", "lst"},
              "\"lst\" is no verb of gofarm batch; did you mean: gofarm batch list\n");
  ExpectWrong({"cancel", "3"}, "did you mean: gofarm batch cancel, gofarm job cancel\n");
  ExpectWrong({"frob\x1b[2Jnicate"}, "\"frob\\x1b[2Jnicate\" is no verb of gofarm; its verbs: up, down");
  ExpectWrong({"worker", "cache"}, "gofarm worker cache wants a verb: show, prune\n");
}

TEST(WordsTest, AWrongOptionOrValueIsNamed) {
  ExpectWrong({"submit", "--targets", "x86_64", "a.test/m"}, "--targets; did you mean: --target");
  ExpectWrong({"submit", "--flavour", "x", "a.test/m"}, "--flavour");
  ExpectWrong({"job", "show", "twelve"}, "\"twelve\" is no whole number from 1 on");
  ExpectWrong({"job", "list", "--limit", "-3"}, "\"-3\" is no whole number from 0 on");
  ExpectWrong({"down", "--dir", ""}, "--dir: it is empty");
  ExpectWrong({"--server", "example.org:7070", "status"}, "TLS");
}

TEST(WordsTest, WhatIsWrongWithAnOrderToPublishIsToldWithoutAFarm) {
  ExpectWrong({"publish", "retry"}, "--all: one of both");
  ExpectWrong({"publish", "retry", "3", "--all"}, "--all");
  ExpectWrong({"publish", "retry", "--all", "--replace"}, "--replace takes ids");
  ExpectWrong({"publish", "retry", "three"}, "\"three\" is no whole number from 1 on");
  ExpectWrong({"publish", "rebuild"}, "or --all: one of them");
  ExpectWrong({"publish", "rebuild", "3", "--all"}, "--all");
  ExpectWrong({"publish", "rebuild", "0"}, "\"0\" is no id");
  ExpectWrong({"publish", "rebuild", "a.test/../m"}, "a.test/../m");
  ExpectWrong({"publish", "rebuild", "a.test/m@latest"}, "name the version itself");
  ExpectWrong({"publish", "list", "--state", "lost"}, "\"lost\" is none of pending, failed");
  ExpectWrong({"publish", "withdraw", "a.test/m"}, "--reason");
  ExpectWrong({"publish", "withdraw", "a.test/../m", "--reason", "x", "--yes"}, "a.test/../m");
  ExpectWrong({"publish", "withdraw", "a.test/m@latest", "--reason", "x", "--yes"}, "name the version itself");
  // Nobody is there to say yes.
  ExpectWrong({"publish", "withdraw", "a.test/m@v1.0.0", "--reason", "x"}, "say --yes");
  ExpectWrong({"publish", "verify", "--all", "--sample", "3"}, "--all");
  ExpectWrong({"keys", "create"}, "--dir");
}

TEST(WordsTest, KeysAreMadeOnceAndForTheirOwnerAlone) {
  char pattern[] = "/tmp/gofarm-keys-XXXXXX";
  const std::string top = mkdtemp(pattern), folder = top + "/keys";
  const process::CommandResult made = Gofarm({"keys", "create", "--dir", folder, "--output", "json"});
  EXPECT_EQ(made.exit_code, 0) << made.err;
  EXPECT_THAT(made.out, AllOf(HasSubstr("\"minisign_public_key\": \"RW"),
                              HasSubstr("\"provenance_public_key\": \"-----BEGIN PUBLIC KEY-----")));
  EXPECT_THAT(made.out, ::testing::Not(HasSubstr("PRIVATE")));
  EXPECT_EQ(Call({"/bin/sh", "-c", "stat -c '%a %n' \"$1\" \"$1\"/* | sed \"s,$1,K,\"", "sh", folder}).out,
            "700 K\n600 K/minisign.key\n600 K/provenance.key\n");
  ExpectWrong({"keys", "create", "--dir", folder}, "none is overwritten");
  // A half-made pair is completed, and what was there stays.
  EXPECT_EQ(Call({"/bin/sh", "-c", "rm \"$1\"/provenance.key", "sh", folder}).exit_code, 0);
  const process::CommandResult again = Gofarm({"keys", "create", "--dir", folder, "--output", "json"});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  const auto line = [](const std::string& text) { return text.substr(text.find("minisign"), 100); };
  EXPECT_EQ(line(again.out), line(made.out));
  EXPECT_EQ(Call({"/bin/rm", "-r", top}).exit_code, 0);
}

TEST(WordsTest, WhatIsWrongWithASubmissionIsToldWithoutAFarmAllAtOnce) {
  ExpectWrong({"submit", "a.test/m@v1.0.0", "a.test/../m", "--target", "sparc", "--as", "\xff", "--name", "a\x1b[2J"},
              "gofarm: line 2: ");
  ExpectWrong({"submit", "a.test/m@v1.0.0", "a.test/../m", "--target", "sparc", "--as", "\xff", "--name", "a\x1b[2J"},
              "gofarm: unknown target \"sparc\"; known are x86_64, aarch64, riscv64, loongarch64\n"
              "gofarm: --name \"a\\x1b[2J\" holds a control character or is no UTF-8\n"
              "gofarm: --as \"\\xff\" holds a control character or is no UTF-8\n");
}

TEST(WordsTest, AFarmThatIsNotThereIsExitThreeAndSaysHowToStartOne) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"batch", "list"},
                                             {"job", "show", "1"},
                                             {"artifact", "export", "--batch", "1", "/tmp/none"},
                                             {"worker", "list"}}) {
    const process::CommandResult result = Gofarm(words);
    EXPECT_EQ(result.exit_code, 3) << words[0];
    EXPECT_THAT(result.err, HasSubstr("gofarm up --dir /nonexistent/farm"));
  }
  EXPECT_EQ(Gofarm({"status"}).exit_code, 3);
  EXPECT_EQ(Gofarm({"down"}).exit_code, 0);  // nothing to end
}

// The words that lead to each verb, from the help texts themselves.
void Collect(const std::vector<std::string>& path, std::vector<std::vector<std::string>>& verbs) {
  std::vector<std::string> words = path;
  words.push_back("--help");
  const std::string help = Gofarm(words).out;
  const size_t begin = help.find("Subcommands:\n");
  if (begin == std::string::npos) {
    verbs.push_back(path);
    return;
  }
  for (const absl::string_view line : absl::StrSplit(help.substr(begin + 13), '\n')) {
    if (!absl::StartsWith(line, "  ")) break;
    std::vector<std::string> deeper = path;
    deeper.emplace_back(std::vector<std::string>(absl::StrSplit(line, ' ', absl::SkipEmpty()))[0]);
    Collect(deeper, verbs);
  }
}

TEST(WordsTest, TheHelpOfEveryVerbHasAnExampleOfIt) {
  std::vector<std::vector<std::string>> verbs;
  Collect({}, verbs);
  EXPECT_EQ(verbs.size(), 78u);
  for (const std::vector<std::string>& verb : verbs) {
    std::vector<std::string> words = verb;
    words.push_back("--help");
    std::string call = "gofarm";
    for (const std::string& word : verb) call += Cat(" ", word);
    EXPECT_THAT(Gofarm(words).out, AllOf(HasSubstr("Example:\n  " + call), HasSubstr("--output json")));
  }
}

TEST(WordsTest, OutputThatCannotBeWrittenIsNotPassedOver) {
  const process::CommandResult full = Shell("\"$1\" version >/dev/full");
  EXPECT_EQ(full.exit_code, 4);
  EXPECT_THAT(full.err, HasSubstr("write to standard output: No space left on device"));
  // A reader that went away ends the program as SIGPIPE does, also where that is ignored.
  EXPECT_EQ(Shell("trap '' PIPE; { sleep 0.2; \"$1\" version; echo $? >&2; } | true").err, "141\n");
}

}  // namespace
}  // namespace gofarm::cli
