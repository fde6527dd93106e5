// install, installed, upgrade, uninstall and verify by the real program against an index on this machine: exit codes,
// what is printed, what is remembered.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "common/attest/checksums.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/process/run.h"
#include "tests/unit/cli_install/fixture.h"

namespace gofarm::install {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class VerbsTest : public InstallFixture {
 protected:
  // The index lists what signed until now and `next`; with `finished` the old one has ended, and `next` signs.
  void Rotate(const attest::MinisignSecretKey& old, const attest::MinisignSecretKey& next, bool finished,
              int64_t generation) {
    publish::KeyList list{.builder = kBuilder};
    list.keys = {
        {.kind = publish::kProvenanceKind, .public_key = index_.provenance_key().pem, .since = absl::UnixEpoch()},
        {.kind = publish::kMinisignKind, .public_key = old.public_key().Line(), .since = absl::UnixEpoch()},
        {.kind = publish::kMinisignKind, .public_key = next.public_key().Line(), .since = absl::UnixEpoch()}};
    if (finished) list.keys[1].until = absl::FromUnixSeconds(1'800'000'000);
    index_.ListKeys(list);
    index_.Resign(finished ? next : old);
    index_.Serve(generation);
  }
  process::CommandResult Gofarm(const std::vector<std::string>& words, const process::Variables& variables = {}) const {
    const char* const folder = std::getenv("GOFARM_BIN_DIR");
    process::Command command;
    command.argv = {Cat(folder == nullptr ? "." : folder, "/gofarm")};
    command.argv.insert(command.argv.end(), words.begin(), words.end());
    command.environment = {{"HOME", Path("home")}, {"PATH", "/usr/bin:/bin"}};
    command.environment.insert(command.environment.end(), variables.begin(), variables.end());
    command.working_directory = scratch_.path();
    const auto result = process::Run(Scope::For(absl::Seconds(60)), command);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *result : process::CommandResult{.exit_code = -1};
  }
  std::string KeyLine() const { return index_.minisign().public_key().Line(); }
  process::CommandResult Install(std::vector<std::string> words) const {
    std::vector<std::string> all = {"install", "--target", "x86_64", "--index", index_.url(), "--key", KeyLine()};
    all.insert(all.end(), words.begin(), words.end());
    return Gofarm(all);
  }
};

TEST_F(VerbsTest, InstallsIntoTheUsersFolderAndSaysHowToReachIt) {
  const auto result = Install({kModule});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(Read("home/.local/bin/hey"), bytes_);
  EXPECT_THAT(result.out, AllOf(HasSubstr("installed "), HasSubstr("provenance verified"),
                                HasSubstr("/home/.local/bin is not in PATH; to have it there: export PATH=")));
}

TEST_F(VerbsTest, TheIndexThatWasNamedOnceIsRemembered) {
  EXPECT_EQ(Gofarm({"install", kModule, "--target", "x86_64"}).exit_code, 2);
  ASSERT_EQ(Install({kModule, "--dir", "b1"}).exit_code, 0);
  const auto again = Gofarm({"install", Cat(kModule, "@0.1"), "--target", "x86_64", "--dir", "b2", "--output", "json"});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_THAT(again.out, AllOf(HasSubstr("\"state\": \"installed\""), HasSubstr("\"version\": \"v0.1.5\"")));
  EXPECT_EQ(Read("b2/hey"), bytes_);
  // The state that was seen then is the oldest that is taken from now on.
  index_.Serve(9);
  ASSERT_EQ(Gofarm({"install", kModule, "--target", "x86_64", "--dir", "b3"}).exit_code, 0);
  index_.Serve(8);
  const auto older = Gofarm({"install", kModule, "--target", "x86_64", "--dir", "b4"});
  EXPECT_EQ(older.exit_code, 6);
  EXPECT_THAT(older.err, HasSubstr("generation 9 was seen before"));
  EXPECT_EQ(Read("b4/hey"), "");
}

TEST_F(VerbsTest, AKeyThatTheOldOneNamedIsFollowed) {
  const attest::MinisignSecretKey next = attest::MinisignSecretKey::Generate().value();
  publish::KeyList list{.builder = kBuilder};
  list.keys = {
      {.kind = publish::kProvenanceKind, .public_key = index_.provenance_key().pem, .since = absl::UnixEpoch()},
      {.kind = publish::kMinisignKind, .public_key = next.public_key().Line(), .since = absl::UnixEpoch()}};
  index_.ListKeys(list);
  index_.Serve(2);
  ASSERT_EQ(Install({kModule, "--dir", "b1"}).exit_code, 0);
  index_.Resign(next);
  index_.Serve(3);
  const auto followed = Gofarm({"install", kModule, "--target", "x86_64", "--dir", "b2"});
  EXPECT_EQ(followed.exit_code, 0) << followed.err;
}

TEST_F(VerbsTest, AKeyThatHasEndedSignsNoIndexAnyMore) {
  const attest::MinisignSecretKey old = index_.minisign();
  const attest::MinisignSecretKey next = attest::MinisignSecretKey::Generate().value();
  const auto install = [&](const std::string& folder, const process::Variables& variables = {}) {
    return Gofarm({"install", kModule, "--target", "x86_64", "--dir", folder}, variables);
  };
  Rotate(old, next, false, 2);
  ASSERT_EQ(Install({kModule, "--dir", "b1"}).exit_code, 0);
  Rotate(old, next, true, 3);
  const auto followed = install("b2");
  ASSERT_EQ(followed.exit_code, 0) << followed.err;
  // Whoever stole the old key says that it signs, of a state that is newer than any.
  Rotate(old, next, false, 1'000'000);
  const auto stolen = install("b3");
  EXPECT_EQ(stolen.exit_code, 6);
  EXPECT_THAT(stolen.err, HasSubstr("signed by the minisign key"));
  // What was configured when the key still signed changes nothing.
  const std::string line = old.public_key().Line();
  EXPECT_EQ(install("b3", {{"GOFARM_INDEX", index_.url()}, {"GOFARM_INDEX_KEY", line}}).exit_code, 6);
  EXPECT_EQ(Read("b3/hey"), "");
  Rotate(old, next, true, 4);
  EXPECT_EQ(install("b4").exit_code, 0);
  // Who names it now means it.
  Rotate(old, next, false, 5);
  const auto named = Install({kModule, "--dir", "b5"});
  EXPECT_EQ(named.exit_code, 0) << named.err;
  EXPECT_EQ(install("b6").exit_code, 0);
}

TEST_F(VerbsTest, AListOfAKeyThatHasEndedIsVerified) {
  const attest::MinisignSecretKey old = index_.minisign();
  const std::string sums =
      attest::ChecksumFile({{.name = "hey", .sha256 = digest::Sha256Hex(bytes_), .blake3 = digest::Blake3Hex(bytes_)}})
          .value();
  Write("x/hey", bytes_);
  Write("x/hey.sigstore.json", index_.Get(FakeIndex::BundlePath(bytes_)));
  Write("x/CHECKSUM", sums);
  Write("x/CHECKSUM.minisig", old.Sign(sums, "of its time", "signature").value());
  Rotate(old, attest::MinisignSecretKey::Generate().value(), true, 2);
  // Who knows the new key only learns the old one from the index.
  const auto asked = Gofarm({"verify", "x/hey", "--index", index_.url(), "--key", KeyLine()});
  EXPECT_EQ(asked.exit_code, 0) << asked.err;
  EXPECT_THAT(asked.out, HasSubstr("says the same, signed (of its time)"));
  const auto remembered = Gofarm({"verify", "x/hey", "--offline"});
  EXPECT_EQ(remembered.exit_code, 0) << remembered.err;
  EXPECT_THAT(remembered.out, HasSubstr("says the same, signed (of its time)"));
  Write("x/CHECKSUM.minisig", attest::MinisignSecretKey::Generate()->Sign(sums, "a stranger's", "signature").value());
  EXPECT_EQ(Gofarm({"verify", "x/hey", "--offline"}).exit_code, 6);
}

TEST_F(VerbsTest, ExitCodesSayWhatWentWrong) {
  EXPECT_EQ(Install({"github.com/no/such", "--dir", "b"}).exit_code, 2);
  EXPECT_EQ(Install({kModule, "github.com/no/such", "--dir", "b"}).exit_code, 2);
  EXPECT_EQ(Install({"../../etc", "--dir", "b"}).exit_code, 2);
  EXPECT_EQ(Install({kModule, "--dir", "b", "--target", "sparc"}).exit_code, 2);
  EXPECT_EQ(Gofarm({"install", kModule, "--index", "http://127.0.0.1:1/index", "--key", KeyLine()}).exit_code, 3);
  EXPECT_EQ(Gofarm({"install", kModule}, {{"GOFARM_DIR", Path("nofarm")}}).exit_code, 3);
  EXPECT_EQ(Gofarm({"install", kModule, "--index", index_.url(), "--key", "RWx"}).exit_code, 2);
  EXPECT_EQ(Read("b/hey"), "");
  std::string flipped = bytes_;
  flipped[100] = static_cast<char>(flipped[100] ^ 1);
  index_.Put(FakeIndex::BlobPath(bytes_), flipped);
  const auto changed = Install({kModule, "--dir", "b"});
  EXPECT_EQ(changed.exit_code, 6);
  EXPECT_THAT(changed.err, HasSubstr("SHA-256"));
  EXPECT_EQ(Read("b/hey"), "");
}

TEST_F(VerbsTest, WhatIsInstalledIsListedUpgradedAndRemoved) {
  ASSERT_EQ(Install({kModule, "--dir", "b"}).exit_code, 0);
  EXPECT_THAT(Gofarm({"installed", "--dir", "b"}).out, AllOf(HasSubstr("hey"), HasSubstr("v0.1.5"), HasSubstr("ok")));
  EXPECT_THAT(Gofarm({"upgrade", "--dir", "b"}).out, HasSubstr("current"));
  index_.Publish("v0.2.0", ProgramBytes(2));
  const auto upgraded = Gofarm({"upgrade", "hey", "--dir", "b", "--output", "json"});
  EXPECT_EQ(upgraded.exit_code, 0) << upgraded.err;
  EXPECT_THAT(upgraded.out, AllOf(HasSubstr("\"version\": \"v0.2.0\""), HasSubstr("\"version_before\": \"v0.1.5\"")));
  EXPECT_EQ(Read("b/hey"), ProgramBytes(2));
  EXPECT_EQ(Gofarm({"upgrade", "age", "--dir", "b"}).exit_code, 2);
  Write("b/hey", "changed since");
  index_.Publish("v0.3.0", ProgramBytes(3));
  const auto refused = Gofarm({"upgrade", "--dir", "b"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.out, HasSubstr("refused"));
  EXPECT_EQ(Gofarm({"uninstall", "hey", "--dir", "b"}).exit_code, 2);
  EXPECT_EQ(Read("b/hey"), "changed since");
  EXPECT_EQ(Gofarm({"uninstall", "hey", "--dir", "b", "--force"}).exit_code, 0);
  EXPECT_EQ(Read("b/hey"), "");
  EXPECT_EQ(Gofarm({"uninstall", "hey", "--dir", "b"}).exit_code, 2);
  EXPECT_EQ(Gofarm({"uninstall", "../hey", "--dir", "b"}).exit_code, 2);
  EXPECT_EQ(Gofarm({"installed", "--dir", "b", "--output", "json"}).out, "[]\n");
}

TEST_F(VerbsTest, AFileIsVerifiedByGivenAndByRememberedKeys) {
  Write("x/hey", bytes_);
  Write("x/hey.sigstore.json", index_.Get(FakeIndex::BundlePath(bytes_)));
  const std::string pem = index_.provenance_key().pem;
  Write("k.pem", pem);
  EXPECT_EQ(Gofarm({"verify", "x/hey", "--offline"}).exit_code, 2);  // by which key?
  for (const std::string& key : {pem, std::string("k.pem")}) {
    const auto result = Gofarm({"verify", "x/hey", "--offline", "--key", key, "--output", "json"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("\"module\": \"github.com/rakyll/hey\""));
  }
  EXPECT_EQ(Gofarm({"verify", "x/hey", "--offline", "--key", NewProvenanceKey().pem}).exit_code, 6);
  // A minisign key leads to the list of the others.
  EXPECT_EQ(Gofarm({"verify", "x/hey", "--index", index_.url(), "--key", KeyLine()}).exit_code, 0);
  EXPECT_EQ(Install({kModule, "--dir", "b"}).exit_code, 0);
  EXPECT_EQ(Gofarm({"verify", "x/hey", "--offline"}).exit_code, 0);
  Write("x/hey", bytes_ + "x");
  const auto changed = Gofarm({"verify", "x/hey", "--offline"});
  EXPECT_EQ(changed.exit_code, 6);
  EXPECT_THAT(changed.err, HasSubstr("other bytes"));
  EXPECT_THAT(changed.out, IsEmpty());
}

TEST_F(VerbsTest, WhatAnIndexHasIsVerifiedWithoutDownloadingIt) {
  const std::vector<std::string> words = {
      "verify", Cat(kModule, "@v0.1.5"), "--target", "x86_64", "--index", index_.url(), "--key", KeyLine()};
  const auto result = Gofarm(words);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("github.com/rakyll/hey@v0.1.5"));
  EXPECT_THAT(index_.RangesOf(FakeIndex::BlobPath(bytes_)), IsEmpty());
  EXPECT_EQ(Gofarm({"verify", Cat(kModule, "@v0.1.5"), "--offline"}).exit_code, 2);
  index_.Put(FakeIndex::BundlePath(bytes_),
             index_.Bundle(index_.ProvenanceOf("v0.1.4", bytes_), index_.provenance_key()));
  EXPECT_EQ(Gofarm(words).exit_code, 6);
}

}  // namespace
}  // namespace gofarm::install
