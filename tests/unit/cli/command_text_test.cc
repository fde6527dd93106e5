#include "cli/command_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gofarm::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

BuildCommand Hey() {
  return {.job = 4,
          .token = 17,
          .module = "github.com/rakyll/hey",
          .version = "v0.1.5",
          .target = "riscv64",
          .variant = "install",
          .argv = {"/go/bin/go", "install", "-buildmode=pie", "-ldflags", "-s -extldflags '-static-pie'",
                   "github.com/rakyll/hey@v0.1.5"},
          .environment = {"CC=/zig/zig cc -target riscv64-linux-musl", "CGO_ENABLED=1", "GOFLAGS=", "GOPATH=/out",
                          "GOPROXY=file:///mod/cache/download", "GOSUMDB=off"},
          .go = "/cache/go 1/bin/go",
          .zig = "/cache/zig/zig"};
}

TEST(CommandTextTest, ItNamesTheToolchainsOfThisMachineAndAFreshFolder) {
  EXPECT_THAT(
      CommandText(Hey()),
      AllOf(HasSubstr("GO='/cache/go 1/bin/go'\nZIG=/cache/zig/zig\n"), HasSubstr("W=$(mktemp -d)"),
            HasSubstr("env -i \\\n  CC=\"$ZIG cc -target riscv64-linux-musl\" \\\n  CGO_ENABLED=1 \\\n  GOFLAGS= \\\n"
                      "  GOPATH=\"$W/out\" \\\n  GOPROXY=\"$PROXY\" \\\n  GOSUMDB=\"$SUMDB\" \\\n"
                      "  \"$GO\" install -buildmode=pie -ldflags '-s -extldflags '\\''-static-pie'\\''' "
                      "github.com/rakyll/hey@v0.1.5\n")));
}

TEST(CommandTextTest, SeveralCallsEachGetTheirEnvironment) {
  BuildCommand command = Hey();
  command.environment = {"GOPATH=/out", "CGO_ENABLED=1"};
  command.argv = {"/go/bin/go", "install", "a.test/m/x@v1",  "&&", "env", "GOPATH=/out/c1",
                  "/go/bin/go", "install", "a.test/m/y/x@v1"};
  EXPECT_THAT(
      CommandText(command),
      HasSubstr("env -i \\\n  GOPATH=\"$W/out\" \\\n  CGO_ENABLED=1 \\\n  \"$GO\" install a.test/m/x@v1 &&\n"
                "env -i \\\n  CGO_ENABLED=1 \\\n  GOPATH=\"$W/out/c1\" \\\n  \"$GO\" install a.test/m/y/x@v1\n"));
}

TEST(CommandTextTest, ASourceVariantGetsItsSourceAndGoMod) {
  BuildCommand command = Hey();
  command.module = "github.com/BurntSushi/toml";
  command.variant = "source";
  command.working_directory = "/src";
  command.go_mod = "module m\nEND_OF_GO_MOD\n";
  EXPECT_THAT(
      CommandText(command),
      AllOf(HasSubstr("mod download github.com/BurntSushi/toml@v0.1.5"),
            HasSubstr("cp -r \"$W/mod/\"'github.com/!burnt!sushi/toml@v0.1.5' \"$W/src\""),
            HasSubstr("cd \"$W/src\"\n"), HasSubstr("<<'END_OF_GO_MOD_'\nmodule m\nEND_OF_GO_MOD\nEND_OF_GO_MOD_\n")));
}

TEST(CommandTextTest, AnInstallWithPinnedVersionsRunsInItsMainModule) {
  BuildCommand command = Hey();
  command.variant = "install+lfs64";
  command.working_directory = "/src";
  command.go_mod = "module gofarm.invalid/list\n";
  EXPECT_THAT(
      CommandText(command),
      AllOf(HasSubstr("mkdir \"$W/src\"\ncat >\"$W/src/go.mod\" <<'END_OF_GO_MOD'\nmodule gofarm.invalid/list\n"),
            HasSubstr("cd \"$W/src\"\n"), ::testing::Not(HasSubstr("cp -r"))));
}

TEST(CommandTextTest, WithoutTheWorkerItSaysWhatToPutIn) {
  BuildCommand command = Hey();
  command.go.clear();
  EXPECT_THAT(CommandText(command), AllOf(HasSubstr("GO=go\n"), HasSubstr("is not here")));
}

TEST(ShellWordTest, NothingInAWordIsObeyed) {
  EXPECT_EQ(ShellWord("plain-word./@1"), "plain-word./@1");
  EXPECT_EQ(ShellWord(""), "''");
  EXPECT_EQ(ShellWord("$(rm -rf /)"), "'$(rm -rf /)'");
  EXPECT_EQ(ShellWord("a\nb"), "'a\\x0ab'");
  EXPECT_EQ(ShellWord("/out/$(x)`y`\"z\\"), "\"$W/out/\\$(x)\\`y\\`\\\"z\\\\\"");
  EXPECT_EQ(ShellWord("github.com/mod/x"), "github.com/mod/x");
  EXPECT_EQ(ShellWord("/gopher"), "/gopher");
}

TEST(QuotedWordTest, PathsThatLookLikeTheSandboxsStayWhatTheyAre) {
  EXPECT_EQ(QuotedWord("/go/farm"), "/go/farm");
  EXPECT_EQ(QuotedWord("/tmp/x y'z"), "'/tmp/x y'\\''z'");
}

}  // namespace
}  // namespace gofarm::cli
