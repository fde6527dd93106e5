// One document of each kind stands in tests/golden/cli.
#include "cli/install/documents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/golden.h"

namespace gofarm::install {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Outcome Hey() {
  Outcome outcome{.state = Outcome::State::kReplaced, .path = "/home/ann/.local/bin/hey", .version_before = "v0.1.4"};
  outcome.program = {.module = "github.com/rakyll/hey",
                     .version = "v0.1.5",
                     .path = "github.com/rakyll/hey",
                     .name = "hey",
                     .target = {.size = 9'437'184, .sha256 = std::string(64, 'a'), .reproduced = "true"}};
  return outcome;
}

Verified HeyVerified() {
  Verified v{.name = "hey", .sha256 = std::string(64, 'a'), .blake3 = std::string(64, 'b'), .size = 9'437'184};
  attest::Provenance& p = v.built.provenance;
  p.module = "github.com/rakyll/hey";
  p.version = "v0.1.5";
  p.target = "x86_64";
  p.command_directory = ".";
  p.variant = "source+lfs64";
  p.toolchains = {{.name = "go", .version = "1.26.8", .uri = "", .sha256 = std::string(64, '1')},
                  {.name = "zig", .version = "0.15.2", .uri = "", .sha256 = std::string(64, '2')}};
  p.dependencies.resize(2);
  p.worker_class = "sandbox";
  p.sandbox_layout = 1;
  p.builder_id = "https://farm.example.com/builder";
  p.invocation_id = "4711";
  p.started_on = absl::FromUnixSeconds(1'800'000'000);
  p.finished_on = absl::FromUnixSeconds(1'800'000'095);
  p.reproduced = attest::Reproduced::kTrue;
  v.built.subject.name = "hey";
  v.built.key_hint = "aGludA==";
  v.list = ListState::kSigned;
  return v;
}

TEST(DocumentsTest, OneOfEachKind) {
  testing::ExpectGolden("cli/install.json", InstallDocument({Hey()}));
  testing::ExpectGolden("cli/installed.json",
                        InstalledDocument("/home/ann/.local/bin", {{.name = "hey",
                                                                    .note = {.module = "github.com/rakyll/hey",
                                                                             .package = "github.com/rakyll/hey",
                                                                             .version = "v0.1.5",
                                                                             .target = "x86_64",
                                                                             .sha256 = std::string(64, 'a')},
                                                                    .state = Installed::State::kChanged}}));
  testing::ExpectGolden("cli/upgrade.json", UpgradeDocument({{.name = "hey",
                                                              .path = "github.com/rakyll/hey",
                                                              .target = "x86_64",
                                                              .version = "v0.1.5",
                                                              .version_before = "v0.1.4",
                                                              .state = UpgradeLine::State::kUpgraded}}));
  testing::ExpectGolden("cli/uninstall.json", RemovedDocument({{.folder = "/home/ann/.local/bin", .name = "hey"}}));
  testing::ExpectGolden("cli/verify.json", VerifyDocument(HeyVerified()));
}

TEST(DocumentsTest, PeopleReadWhatItWasBuiltFrom) {
  Verified v = HeyVerified();
  v.list_comment = "a\x1b[2J";
  EXPECT_THAT(VerifyText(v), AllOf(HasSubstr("hey: as it was signed\n"), HasSubstr("github.com/rakyll/hey@v0.1.5"),
                                   HasSubstr("zig         0.15.2"), HasSubstr("2 linked in"),
                                   HasSubstr("yes, by another build"), HasSubstr("\\x1b[2J"), Not(HasSubstr("\x1b"))));
  EXPECT_EQ(OutcomeText(Hey()),
            "installed /home/ann/.local/bin/hey: hey v0.1.5 (x86_64), signature, SHA-256 and provenance verified; it "
            "was v0.1.4\n");
}

TEST(DocumentsTest, TheHintSaysHowToReachTheFolder) {
  EXPECT_EQ(PathHint("/a/bin", "/usr/bin:/a/bin"), "");
  EXPECT_EQ(PathHint("/a/bin", "/usr/bin:/a/bin/x"),
            "/a/bin is not in PATH; to have it there: export PATH=/a/bin:$PATH\n");
  EXPECT_EQ(PathHint("/a b", ""), "/a b is not in PATH; to have it there: export PATH='/a b':$PATH\n");
}

}  // namespace
}  // namespace gofarm::install
