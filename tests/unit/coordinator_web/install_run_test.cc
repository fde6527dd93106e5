// Install scripts, run by dash, bash and busybox in a scratch home against a server on this machine. Each test looks at
// all that lies there afterwards.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "absl/strings/str_replace.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/publish/install_note.h"
#include "coordinator/web/install_script.h"
#include "coordinator/web/shell_text.h"
#include "tests/unit/coordinator_web/script_home.h"

namespace gofarm::web {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const char kProgram[] = "#!/bin/sh\necho this is hey, first\n";
const char kSecond[] = "#!/bin/sh\necho this is hey, second\n";

std::vector<std::string> Without(std::vector<std::string> tools, const std::string& tool) {
  tools.erase(std::remove(tools.begin(), tools.end(), tool), tools.end());
  return tools;
}
std::vector<std::string> With(std::vector<std::string> tools, const std::string& tool) {
  tools.push_back(tool);
  return tools;
}

std::vector<std::string> Installed(const std::string& name = "hey") {
  return {"home/.local/", "home/.local/bin/", "home/.local/bin/.gofarm/", "home/.local/bin/.gofarm/" + name,
          "home/.local/bin/" + name};
}

class InstallRunTest : public ::testing::TestWithParam<Shell> {
 protected:
  InstallRunTest() {
    server_.Put("/hey", kProgram);
    server_.Put("/hey2", kSecond);
  }
  OfferedFile File(const std::string& path = "/hey", const std::string& bytes = kProgram) const {
    return {.target = Target::kX86_64,
            .url = server_.Url(path),
            .sha256 = digest::Sha256Hex(bytes),
            .size = static_cast<int64_t>(bytes.size())};
  }
  InstallOffer Offer() const {
    return {.name = "hey",
            .module = "github.com/rakyll/hey",
            .import_path = "github.com/rakyll/hey",
            .version = "v0.1.5",
            .page_url = "https://bins.example.com/p/github.com/rakyll/hey",
            .files = {File()}};
  }
  process::CommandResult Run(ScriptHome& home, const InstallOffer& offer, const process::Variables& environment = {}) {
    const absl::StatusOr<std::string> script = InstallScript(offer);
    EXPECT_TRUE(script.ok()) << script.status();
    return home.Run(GetParam(), script.ok() ? *script : "exit 99", environment);
  }
  // Nothing was installed, and `says` stands in the message.
  void ExpectRefused(ScriptHome& home, const process::CommandResult& result, const std::string& says) {
    EXPECT_NE(result.exit_code, 0);
    EXPECT_THAT(result.err, HasSubstr(says));
    EXPECT_THAT(home.Listing(), IsEmpty());
  }
  ProgramServer server_;
};

INSTANTIATE_TEST_SUITE_P(Shells, InstallRunTest, ::testing::ValuesIn(Shells()),
                         [](const auto& info) { return ShellName(info.param); });

TEST_P(InstallRunTest, InstallsOneProgramAndANote) {
  ScriptHome home;
  const auto result = Run(home, Offer());
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(home.Listing(), ::testing::ElementsAreArray(Installed()));
  EXPECT_EQ(home.Read("home/.local/bin/hey"), kProgram);
  EXPECT_EQ(::access(home.Path("home/.local/bin/hey").c_str(), X_OK), 0);
  EXPECT_EQ(home.Read("home/.local/bin/.gofarm/hey"), publish::WriteNote({.module = "github.com/rakyll/hey",
                                                                          .package = "github.com/rakyll/hey",
                                                                          .version = "v0.1.5",
                                                                          .target = "x86_64",
                                                                          .url = server_.Url("/hey"),
                                                                          .sha256 = digest::Sha256Hex(kProgram)}));
  const std::string bin = home.Path("home/.local/bin");
  EXPECT_THAT(result.out, AllOf(HasSubstr("SHA-256 verified"), HasSubstr("not by its author"),
                                HasSubstr(bin + " is not in PATH; to have it there: export PATH=" + bin + ":$PATH"),
                                HasSubstr("to uninstall: rm -f " + bin + "/hey " + bin + "/.gofarm/hey")));
}

TEST_P(InstallRunTest, ASecondRunChangesNothingAndAnotherVersionReplacesItsOwn) {
  ScriptHome home;
  ASSERT_EQ(Run(home, Offer()).exit_code, 0);
  const size_t requests = server_.requests().size();
  const auto again = Run(home, Offer());
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_THAT(again.out, HasSubstr("already"));
  EXPECT_EQ(server_.requests().size(), requests);

  InstallOffer next = Offer();
  next.version = "v0.2.0";
  next.files = {File("/hey2", kSecond)};
  const auto result = Run(home, next);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(home.Read("home/.local/bin/hey"), kSecond);
  EXPECT_THAT(home.Read("home/.local/bin/.gofarm/hey"),
              AllOf(HasSubstr("version v0.2.0\n"), HasSubstr(Cat("before ", digest::Sha256Hex(kProgram), "\n"))));
  EXPECT_EQ(publish::ParseNote(home.Read("home/.local/bin/.gofarm/hey"))->before, digest::Sha256Hex(kProgram));
  EXPECT_THAT(home.Listing(), ::testing::ElementsAreArray(Installed()));
}

TEST_P(InstallRunTest, AFileThatItDidNotInstallStays) {
  ScriptHome home;
  home.Write("home/.local/bin/hey", "somebody's own");
  const auto refused = Run(home, Offer());
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("was not installed by this script"), HasSubstr("GOFARM_FORCE=1 sh")));
  EXPECT_EQ(home.Read("home/.local/bin/hey"), "somebody's own");
  EXPECT_THAT(home.Listing(), ElementsAre("home/.local/", "home/.local/bin/", "home/.local/bin/hey"));
  EXPECT_EQ(Run(home, Offer(), {{"GOFARM_FORCE", "1"}}).exit_code, 0);
  EXPECT_EQ(home.Read("home/.local/bin/hey"), kProgram);

  // Its own that was changed since is somebody else's.
  home.Write("home/.local/bin/hey", "changed");
  EXPECT_EQ(Run(home, Offer()).exit_code, 1);
  EXPECT_EQ(home.Read("home/.local/bin/hey"), "changed");
}

TEST_P(InstallRunTest, AFolderOrALinkOfThatNameStays) {
  ScriptHome home;
  std::filesystem::create_directories(home.Path("home/.local/bin/hey"));
  EXPECT_THAT(Run(home, Offer(), {{"GOFARM_FORCE", "1"}}).err, HasSubstr("is a folder"));
  std::filesystem::remove(home.Path("home/.local/bin/hey"));
  std::filesystem::create_symlink("/nowhere/at/all", home.Path("home/.local/bin/hey"));
  EXPECT_EQ(Run(home, Offer()).exit_code, 1);
  EXPECT_TRUE(std::filesystem::is_symlink(home.Path("home/.local/bin/hey")));
}

TEST_P(InstallRunTest, AFlippedByteInstallsNothing) {
  ScriptHome home;
  InstallOffer offer = Offer();
  offer.files[0].url = server_.Url("/hey?flip");
  ExpectRefused(home, Run(home, offer), "the SHA-256 of what");
  // Nor does it harm what is there.
  ASSERT_EQ(Run(home, Offer()).exit_code, 0);
  offer.files = {File("/hey2?flip", kSecond)};
  EXPECT_EQ(Run(home, offer).exit_code, 1);
  EXPECT_EQ(home.Read("home/.local/bin/hey"), kProgram);
  EXPECT_THAT(home.Listing(), ::testing::ElementsAreArray(Installed()));
}

TEST_P(InstallRunTest, ADownloadThatFailsInstallsNothing) {
  InstallOffer offer = Offer();
  for (const char* tool : {"curl", "wget"}) {
    ScriptHome home(With(Without(ScriptHome::AllTools(), "curl"), tool));
    offer.files[0].url = server_.Url("/missing");
    ExpectRefused(home, Run(home, offer), "cannot download");
    offer.files[0].url = "http://127.0.0.1:1/hey";
    ExpectRefused(home, Run(home, offer), "cannot download");
  }
  ScriptHome home;
  offer.files[0].url = server_.Url("/hey?cut");
  ExpectRefused(home, Run(home, offer), "cannot download");
  // Far more than was announced.
  server_.Put("/flood", std::string(1 << 20, 'x'));
  offer.files[0].url = server_.Url("/flood");
  ExpectRefused(home, Run(home, offer), "cannot download");
  // Somewhat more is told by its digest.
  server_.Put("/more", std::string(100, 'x'));
  offer.files[0].url = server_.Url("/more");
  ExpectRefused(home, Run(home, offer),
                Cat("expected ", digest::Sha256Hex(kProgram), " of ", sizeof kProgram - 1, " bytes, got"));
}

TEST_P(InstallRunTest, AScriptThatIsCutDoesNothing) {
  const std::string script = *InstallScript(Offer());
  const size_t last = script.size() - 2;  // without the last "}"
  std::vector<size_t> cuts = {last, last - 1, last - 10};
  for (size_t at = 0; at < last; at += 200) cuts.push_back(at);
  ScriptHome home;
  for (const size_t at : cuts) {
    const auto result = home.Run(GetParam(), script.substr(0, at));
    EXPECT_THAT(home.Listing(), IsEmpty()) << at;
    EXPECT_EQ(result.out, "") << at;
    // Before the function there are comments only, which are no error.
    if (at > script.find("gofarm_install")) {
      EXPECT_NE(result.exit_code, 0) << at;
    }
  }
  EXPECT_THAT(server_.requests(), IsEmpty());
}

TEST_P(InstallRunTest, OtherToolsDoAsWell) {
  const std::vector<std::string> bare = Without(Without(ScriptHome::AllTools(), "curl"), "sha256sum");
  for (const char* fetcher : {"curl", "wget"}) {
    for (const char* hasher : {"sha256sum", "shasum", "openssl"}) {
      ScriptHome home(With(With(bare, fetcher), hasher));
      const auto result = Run(home, Offer());
      EXPECT_EQ(result.exit_code, 0) << fetcher << " " << hasher << ": " << result.err;
      EXPECT_EQ(home.Read("home/.local/bin/hey"), kProgram);
      InstallOffer offer = Offer();
      offer.name = "hey2";
      offer.files[0].url = server_.Url("/hey?flip");
      EXPECT_THAT(Run(home, offer).err, HasSubstr("SHA-256")) << fetcher << " " << hasher;
      EXPECT_THAT(home.Listing(), ::testing::ElementsAreArray(Installed()));
    }
  }
}

TEST_P(InstallRunTest, WhatIsMissingIsSaidBeforeAnythingIsTouched) {
  ScriptHome no_fetcher(Without(ScriptHome::AllTools(), "curl"));
  ExpectRefused(no_fetcher, Run(no_fetcher, Offer()), "neither curl nor wget");
  ScriptHome no_hasher(Without(ScriptHome::AllTools(), "sha256sum"));
  ExpectRefused(no_hasher, Run(no_hasher, Offer()), "none of sha256sum, shasum and openssl");
  ScriptHome home;
  ExpectRefused(home, Run(home, Offer(), {{"HOME", ""}}), "HOME is not set");
  EXPECT_THAT(server_.requests(), IsEmpty());
}

TEST_P(InstallRunTest, TheMachineDecides) {
  InstallOffer offer = Offer();
  for (const Target target : {Target::kAarch64, Target::kRiscv64, Target::kLoongarch64}) {
    const std::string name(TargetName(target));
    server_.Put("/" + name, "#!/bin/sh\necho " + name + "\n");
    OfferedFile file = File("/" + name, "#!/bin/sh\necho " + name + "\n");
    file.target = target;
    offer.files.push_back(file);
  }
  for (const auto& [machine, target] : std::vector<std::pair<std::string, std::string>>{
           {"aarch64", "aarch64"}, {"arm64", "aarch64"}, {"riscv64", "riscv64"}, {"loongarch64", "loongarch64"}}) {
    ScriptHome home(ScriptHome::AllTools(), machine);
    EXPECT_EQ(Run(home, offer).exit_code, 0) << machine;
    EXPECT_THAT(home.Read("home/.local/bin/hey"), HasSubstr("echo " + target)) << machine;
  }
  ScriptHome amd64(ScriptHome::AllTools(), "amd64");
  EXPECT_EQ(Run(amd64, offer).exit_code, 0);
  EXPECT_EQ(amd64.Read("home/.local/bin/hey"), kProgram);
  ScriptHome other(ScriptHome::AllTools(), "s390x");
  ExpectRefused(other, Run(other, offer), "there is nothing for a machine of the kind 's390x'");
  ScriptHome missing(ScriptHome::AllTools(), "riscv64");
  ExpectRefused(missing, Run(missing, Offer()), "hey v0.1.5 was not built for riscv64; it is there for: x86_64");
}

TEST_P(InstallRunTest, AnotherFolderMayBeSaid) {
  ScriptHome home;
  const std::string folder = home.Path("home/it's mine; $(touch x)/b in");
  const auto result = Run(home, Offer(), {{"GOFARM_BIN", folder + "//"}});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(home.Read("home/it's mine; $(touch x)/b in/hey"), kProgram);
  EXPECT_EQ(home.Listing().size(), 5u);
  // What it says for uninstalling can be pasted.
  const std::string line = result.out.substr(result.out.find("rm -f"));
  home.Run(GetParam(), line);
  EXPECT_FALSE(std::filesystem::exists(folder + "/hey"));
  EXPECT_FALSE(std::filesystem::exists(folder + "/.gofarm/hey"));

  ScriptHome relative;
  EXPECT_EQ(Run(relative, Offer(),
                {{"GOFARM_BIN", "sub"}, {"PATH", relative.Path("tools") + ":" + relative.Path("work/sub")}})
                .exit_code,
            0);
  EXPECT_EQ(relative.Read("work/sub/hey"), kProgram);
}

TEST_P(InstallRunTest, InPathNothingIsSaidOfPath) {
  ScriptHome home;
  const std::string path = home.Path("tools") + ":" + home.Path("home/.local/bin");
  EXPECT_THAT(Run(home, Offer(), {{"PATH", path}}).out, Not(HasSubstr("PATH")));
  home.Write("tools/hey2", "#!/bin/sh\n");
  ::chmod(home.Path("tools/hey2").c_str(), 0755);
  InstallOffer offer = Offer();
  offer.name = "hey2";
  EXPECT_THAT(Run(home, offer, {{"PATH", path}}).out, HasSubstr("another hey2 comes first in PATH"));
}

TEST_P(InstallRunTest, AFolderThatCannotBeWrittenIsSaid) {
  ScriptHome home;
  home.Write("home/file", "");
  const auto below_file = Run(home, Offer(), {{"GOFARM_BIN", home.Path("home/file/bin")}});
  EXPECT_EQ(below_file.exit_code, 1);
  EXPECT_THAT(below_file.err, HasSubstr("cannot make the folder"));
  // Nobody writes there, root included.
  const auto proc = Run(home, Offer(), {{"GOFARM_BIN", "/proc"}});
  EXPECT_EQ(proc.exit_code, 1);
  EXPECT_THAT(proc.err, HasSubstr("cannot write into /proc"));
  EXPECT_THAT(home.Listing(), ElementsAre("home/file"));
  EXPECT_THAT(server_.requests(), IsEmpty());
}

TEST_P(InstallRunTest, ProxiesAreHonoured) {
  for (const char* tool : {"curl", "wget"}) {
    for (const char* variable : {"http_proxy", "HTTP_PROXY"}) {
      ScriptHome home(With(Without(ScriptHome::AllTools(), "curl"), tool));
      InstallOffer offer = Offer();
      offer.files[0].url = "http://bins.example.com/hey";
      const auto result = Run(home, offer, {{variable, server_.Url("")}});
      EXPECT_EQ(result.exit_code, 0) << tool << " " << variable << ": " << result.err;
      EXPECT_EQ(server_.requests().back().target, "http://bins.example.com/hey");
    }
  }
}

TEST_P(InstallRunTest, WhatEndsItLeavesNothing) {
  ScriptHome home;
  // Ended in the middle of its work, by a tool that ends its whole process group.
  std::filesystem::remove(home.Path("tools/sha256sum"));
  home.Write("tools/sha256sum", "#!/bin/sh\ntrap '' TERM\nkill -TERM 0\nexit 1\n");
  ::chmod(home.Path("tools/sha256sum").c_str(), 0755);
  const auto result = Run(home, Offer());
  EXPECT_EQ(result.exit_code, 128 + SIGTERM);
  EXPECT_FALSE(server_.requests().empty());
  EXPECT_THAT(home.Listing(), IsEmpty());
}

// ---- signatures
// -------------------------------------------------------------------------------------------------------
class SignedInstallTest : public InstallRunTest {
 protected:
  SignedInstallTest() {
    key_ = MakeKey("one");
    offer_ = Offer();
    offer_.public_key = key_;
    offer_.files[0].signature_url = server_.Url("/hey.minisig");
    Sign("one", "/hey", kProgram);
  }
  std::string MakeKey(const std::string& name) {
    Minisign({"-G", "-W", "-f", "-p", keys_.Path(name + ".pub"), "-s", keys_.Path(name + ".key")});
    const std::string text = keys_.Read(name + ".pub");
    const size_t line = text.find('\n') + 1;
    return text.substr(line, text.find('\n', line) - line);
  }
  void Sign(const std::string& key, const std::string& path, const std::string& bytes) {
    keys_.Write("bytes", bytes);
    Minisign({"-S", "-s", keys_.Path(key + ".key"), "-m", keys_.Path("bytes"), "-x", keys_.Path("sig")});
    server_.Put(path + ".minisig", keys_.Read("sig"));
  }
  void Minisign(std::vector<std::string> arguments) {
    process::Command command;
    command.argv = std::move(arguments);
    command.argv.insert(command.argv.begin(), "minisign");
    command.environment = {{"HOME", keys_.Path("home")}, {"PATH", "/usr/bin:/bin"}};
    const auto result = process::Run(Scope::For(absl::Seconds(60)), command);
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_EQ(result->exit_code, 0) << result->err;
  }
  ScriptHome keys_;
  std::string key_;
  InstallOffer offer_;
  const std::vector<std::string> tools_ = With(ScriptHome::AllTools(), "minisign");
};

INSTANTIATE_TEST_SUITE_P(Shells, SignedInstallTest, ::testing::ValuesIn(Shells()),
                         [](const auto& info) { return ShellName(info.param); });

TEST_P(SignedInstallTest, TheSignatureIsCheckedWhereMinisignIs) {
  ScriptHome home(tools_);
  const auto result = Run(home, offer_);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("SHA-256 verified, minisign signature verified"));
  EXPECT_THAT(home.Listing(), ::testing::ElementsAreArray(Installed()));
  ScriptHome without;
  EXPECT_THAT(Run(without, offer_).out, HasSubstr("minisign is not installed, so the signature was not checked"));
}

TEST_P(SignedInstallTest, ASignatureThatIsNoneInstallsNothing) {
  ScriptHome home(tools_);
  MakeKey("two");
  Sign("two", "/hey", kProgram);
  ExpectRefused(home, Run(home, offer_), "the minisign signature");
  Sign("one", "/hey", kSecond);
  ExpectRefused(home, Run(home, offer_), "the minisign signature");
  server_.Put("/hey.minisig", "no signature\n");
  ExpectRefused(home, Run(home, offer_), "the minisign signature");
  offer_.files[0].signature_url = server_.Url("/missing");
  ExpectRefused(home, Run(home, offer_), "cannot download");
}

TEST_P(SignedInstallTest, ASignedListMayHoldTheDigest) {
  ScriptHome home(tools_);
  const auto list = [&](const std::string& text) {
    server_.Put("/CHECKSUM", text);
    Sign("one", "/CHECKSUM", text);
  };
  offer_.files[0].signed_list_url = server_.Url("/CHECKSUM");
  offer_.files[0].signature_url = server_.Url("/CHECKSUM.minisig");
  const std::string line = Cat("SHA256 (hey) = ", digest::Sha256Hex(kProgram), "\n");
  list(Cat("SHA256 (hey) = ", digest::Sha256Hex(kSecond), "\nSHA256 (other) = ", digest::Sha256Hex(kProgram), "\n"));
  ExpectRefused(home, Run(home, offer_), "holds another SHA-256 for hey");
  server_.Put("/CHECKSUM", line);
  ExpectRefused(home, Run(home, offer_), "the minisign signature");
  list("LICENSE:00\n" + line);
  EXPECT_EQ(Run(home, offer_).exit_code, 0);
}

TEST_P(SignedInstallTest, AFilesOwnKeyComesBeforeThatOfTheOffer) {
  ScriptHome home(tools_);
  offer_.public_key = MakeKey("two");
  ExpectRefused(home, Run(home, offer_), "the minisign signature");
  offer_.files[0].public_key = key_;
  ExpectRefused(home, Run(home, offer_, {{"GOFARM_INDEX_KEY", offer_.public_key}}), "the minisign signature");
  const auto result = Run(home, offer_);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("minisign signature verified"));
}

TEST_P(SignedInstallTest, AKeyOfTheUsersOwnIsTheOnlyOneTrusted) {
  ScriptHome home(tools_);
  const std::string other = MakeKey("two");
  ExpectRefused(home, Run(home, offer_, {{"GOFARM_INDEX_KEY", other}}), "the minisign signature");
  offer_.files[0].signature_url = "";
  ExpectRefused(home, Run(home, offer_, {{"GOFARM_INDEX_KEY", key_}}), "has no signature");
  offer_.files[0].signature_url = server_.Url("/hey.minisig");
  ScriptHome without;
  ExpectRefused(without, Run(without, offer_, {{"GOFARM_INDEX_KEY", key_}}), "minisign, which checks signatures");
  offer_.public_key = "";
  EXPECT_EQ(Run(home, offer_, {{"GOFARM_INDEX_KEY", key_}}).exit_code, 0);
}

// ---- hostile texts
// ----------------------------------------------------------------------------------------------------
class HostileTexts {
 public:
  explicit HostileTexts(uint32_t seed) : random_(seed) {}
  std::string Next() {
    static const auto* const parts = new std::vector<std::string>{"'",
                                                                  "\"",
                                                                  "\\",
                                                                  "`touch pwned1`",
                                                                  "$(touch pwned2)",
                                                                  "${PATH}",
                                                                  "$",
                                                                  ";",
                                                                  "touch pwned3",
                                                                  "\n",
                                                                  "\r\n",
                                                                  "&",
                                                                  "|",
                                                                  ">pwned4",
                                                                  "<",
                                                                  "(",
                                                                  ")",
                                                                  "{",
                                                                  "}",
                                                                  "#",
                                                                  "!",
                                                                  "*",
                                                                  "?",
                                                                  "[a-z]",
                                                                  "~",
                                                                  " ",
                                                                  "\t",
                                                                  std::string(1, '\0'),
                                                                  "\x1b[2J",
                                                                  "\xff",
                                                                  "\xc0\xa7",
                                                                  "\x83\x5c",
                                                                  "\u202e",
                                                                  "\u2028",
                                                                  "'; touch pwned5; '",
                                                                  "\\'; touch pwned6; \\'",
                                                                  "\nEOF\n",
                                                                  "-rf",
                                                                  "--",
                                                                  "=",
                                                                  "%s%n",
                                                                  "\\0047; touch pwned7",
                                                                  ")sh\"",
                                                                  "../",
                                                                  "/",
                                                                  "x",
                                                                  "github.com/a/b",
                                                                  "ä"};
    std::string text;
    for (uint32_t n = random_() % 12; n > 0; --n) text += (*parts)[random_() % parts->size()];
    if (random_() % 8 == 0) text += std::string(random_() % 20'000, "'x\n"[random_() % 3]);
    return text;
  }

 private:
  std::mt19937 random_;
};

TEST_P(InstallRunTest, AQuotedWordIsTakenAsItIs) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(Cat("seed ", seed));
  HostileTexts texts(seed);
  ScriptHome home;
  // One long script of many words: each comes back between two lines that no text holds by chance.
  std::string script = "PATH=/nowhere\n";
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    const std::string text = texts.Next();
    const std::string border = Cat("border ", seed, " ", i);
    script += Cat("printf '%s' ", ShellQuote(text), "; printf '%s' ", ShellWord(text), "; printf '%s' ",
                  ShellQuote(border), "\n");
    const std::string held = absl::StrReplaceAll(text, {{absl::string_view("\0", 1), ""}});
    expected += Cat(held, held, border);
  }
  for (const char* locale : {"C", "C.UTF-8"}) {
    const auto result = home.Run(GetParam(), script, {{"LC_ALL", locale}});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_TRUE(result.out == expected) << locale;
    EXPECT_THAT(home.Listing(), IsEmpty());
  }
}

TEST_P(InstallRunTest, NothingOfAModuleIsEverRun) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(Cat("seed ", seed));
  HostileTexts texts(seed);
  for (int i = 0; i < 12; ++i) {
    InstallOffer offer = Offer();
    offer.module = texts.Next();
    offer.import_path = texts.Next();
    offer.version = texts.Next();
    ScriptHome home;
    const auto result = Run(home, offer);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(home.Read("home/.local/bin/hey"), kProgram);
    EXPECT_THAT(home.Listing(), ::testing::ElementsAreArray(Installed()));
    EXPECT_EQ(result.out.find('\x1b'), std::string::npos);

    ScriptHome refusing;
    const std::string reason = texts.Next();
    const auto refused = refusing.Run(GetParam(), RefusalScript(reason));
    EXPECT_EQ(refused.exit_code, 1);
    EXPECT_EQ(refused.err, Cat("gofarm: ", EscapeAndClip(reason, kRefusalTextMax, true), "\n"));
    EXPECT_THAT(refusing.Listing(), IsEmpty());

    // As a file's name: it is no name, or it is this file's.
    offer = Offer();
    offer.name = texts.Next();
    const Answer answer = InstallAnswer(offer);
    ScriptHome naming;
    const auto named = naming.Run(GetParam(), answer.body);
    EXPECT_EQ(named.exit_code == 0, answer.status == 200);
    if (answer.status == 200) {
      EXPECT_THAT(naming.Listing(), ::testing::UnorderedElementsAreArray(Installed(offer.name)));
    } else {
      EXPECT_THAT(naming.Listing(), IsEmpty());
    }
  }
}

}  // namespace
}  // namespace gofarm::web
