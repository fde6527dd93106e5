// Programs from an index into a folder when all is well, when connections are cut, and when there is something already.
#include "cli/install/installer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/base/text.h"
#include "common/digest/digest.h"
#include "tests/unit/cli_install/fixture.h"

namespace gofarm::install {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class InstallerTest : public InstallFixture {};

TEST_F(InstallerTest, InstallsOneProgramWithItsNote) {
  const auto outcome = InstallAddress("github.com/rakyll/hey");
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->state, Outcome::State::kInstalled);
  EXPECT_EQ(outcome->path, Path("bin/hey"));
  EXPECT_EQ(Read("bin/hey"), bytes_);
  struct stat info {};
  ASSERT_EQ(stat(Path("bin/hey").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0755u);
  EXPECT_THAT(Files(), ElementsAre("bin/.gofarm/hey", "bin/hey"));
  const auto note = publish::ParseNote(Read("bin/.gofarm/hey"));
  ASSERT_TRUE(note.ok());
  EXPECT_EQ(*note, (publish::InstallNote{.module = kModule,
                                         .package = kModule,
                                         .version = "v0.1.5",
                                         .target = "x86_64",
                                         .url = index_.Url(FakeIndex::BlobPath(bytes_)),
                                         .sha256 = digest::Sha256Hex(bytes_)}));
}

TEST_F(InstallerTest, AsksForNoMoreThanItNeeds) {
  ASSERT_TRUE(InstallAddress("github.com/rakyll/hey@v0.1.5").ok());
  // A shard and the key list with their signatures, the program, its provenance.
  EXPECT_EQ(index_.requests().size(), 6u);
  ASSERT_TRUE(InstallAddress("github.com/rakyll/hey").ok());
  EXPECT_EQ(index_.requests().size(), 10u);
}

TEST_F(InstallerTest, AnotherVersionReplacesItsOwnAndASecondTimeChangesNothing) {
  ASSERT_TRUE(InstallAddress("github.com/rakyll/hey").ok());
  const auto again = InstallAddress("github.com/rakyll/hey");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->state, Outcome::State::kAlready);
  const std::string next = ProgramBytes(2);
  index_.Publish("v0.2.0", next);
  const auto replaced = InstallAddress("github.com/rakyll/hey");
  ASSERT_TRUE(replaced.ok()) << replaced.status();
  EXPECT_EQ(replaced->state, Outcome::State::kReplaced);
  EXPECT_EQ(replaced->version_before, "v0.1.5");
  EXPECT_EQ(Read("bin/hey"), next);
  EXPECT_THAT(Read("bin/.gofarm/hey"), HasSubstr("version v0.2.0\n"));
}

TEST_F(InstallerTest, WhatItDidNotInstallOrWasChangedSinceStays) {
  Write("bin/hey", "somebody's own");
  const auto refused = InstallAddress("github.com/rakyll/hey");
  EXPECT_TRUE(absl::IsFailedPrecondition(refused.status())) << refused.status();
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("--force"));
  EXPECT_EQ(Read("bin/hey"), "somebody's own");
  EXPECT_THAT(Files(), ElementsAre("bin/hey"));
  ASSERT_TRUE(InstallAddress("github.com/rakyll/hey", true).ok());
  EXPECT_EQ(Read("bin/hey"), bytes_);
  Write("bin/hey", "changed since");
  index_.Publish("v0.2.0", ProgramBytes(2));
  EXPECT_TRUE(absl::IsFailedPrecondition(InstallAddress("github.com/rakyll/hey").status()));
  EXPECT_EQ(Read("bin/hey"), "changed since");
}

TEST_F(InstallerTest, AFolderInItsPlaceStaysWhateverIsAskedFor) {
  std::filesystem::create_directories(Path("bin/hey"));
  EXPECT_TRUE(absl::IsFailedPrecondition(InstallAddress("github.com/rakyll/hey", true).status()));
  std::filesystem::remove(Path("bin/hey"));
  std::filesystem::create_symlink("/nonexistent/target", Path("bin/hey"));
  EXPECT_TRUE(absl::IsFailedPrecondition(InstallAddress("github.com/rakyll/hey", true).status()));
}

TEST_F(InstallerTest, AFolderThatCannotBeMadeIsNamed) {
  Write("bin", "a file");
  const absl::Status status = InstallAddress("github.com/rakyll/hey").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("--dir"));
  EXPECT_THAT(Files(), ElementsAre("bin"));
}

TEST_F(InstallerTest, ACutDownloadGoesOnWhereItWas) {
  index_.CutOnce(FakeIndex::BlobPath(bytes_));
  const auto outcome = InstallAddress("github.com/rakyll/hey");
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(Read("bin/hey"), bytes_);
  const std::vector<std::string> ranges = index_.RangesOf(FakeIndex::BlobPath(bytes_));
  EXPECT_THAT(ranges, ElementsAre("", Cat("bytes=", bytes_.size() / 2, "-")));
}

TEST_F(InstallerTest, AServerThatKnowsNoRangesStartsAnew) {
  index_.IgnoreRanges();
  index_.CutOnce(FakeIndex::BlobPath(bytes_));
  ASSERT_TRUE(InstallAddress("github.com/rakyll/hey").ok());
  EXPECT_EQ(Read("bin/hey"), bytes_);
}

TEST_F(InstallerTest, AnEarlierRunsDownloadIsGoneOnWith) {
  const std::string part = Cat("bin/.gofarm/.part-", digest::Sha256Hex(bytes_).substr(0, 32));
  Write(part, bytes_.substr(0, 1000));
  ASSERT_TRUE(InstallAddress("github.com/rakyll/hey").ok());
  EXPECT_EQ(Read("bin/hey"), bytes_);
  EXPECT_THAT(index_.RangesOf(FakeIndex::BlobPath(bytes_)), ElementsAre("bytes=1000-"));
}

TEST_F(InstallerTest, WhatAnEarlierRunLeftIsThrownAwayWhenItIsSomethingElse) {
  const std::string part = Cat("bin/.gofarm/.part-", digest::Sha256Hex(bytes_).substr(0, 32));
  for (const size_t size : {size_t{1000}, bytes_.size(), bytes_.size() + 1}) {
    Write(part, std::string(size, 'x'));
    const auto outcome = InstallAddress("github.com/rakyll/hey");
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_EQ(Read("bin/hey"), bytes_);
    std::filesystem::remove_all(Path("bin"));
  }
}

TEST_F(InstallerTest, AProgramThatIsGoneIsNotReachableAndLeavesNothingBehind) {
  index_.Fail(FakeIndex::BlobPath(bytes_), 404);
  const absl::Status status = InstallAddress("github.com/rakyll/hey").status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_EQ(Read("bin/hey"), "");
}

TEST_F(InstallerTest, ADownloadThatNeverEndsWellKeepsWhatCame) {
  const std::string path = FakeIndex::BlobPath(bytes_);
  index_.CutOnce(path);
  index_.Fail(FakeIndex::BundlePath(bytes_), 403);
  EXPECT_TRUE(absl::IsUnavailable(InstallAddress("github.com/rakyll/hey").status()));
  EXPECT_EQ(Read("bin/hey"), "");
}

TEST_F(InstallerTest, WhatIsNotPublishedIsNotFound) {
  for (const char* address : {"github.com/no/such", "github.com/rakyll/hey@v9", "github.com/rakyll/hey/cmd/other"}) {
    EXPECT_TRUE(absl::IsNotFound(InstallAddress(address).status())) << address;
  }
  index_.Publish("v1.0.0", ProgramBytes(7), "e.org/m/cmd/a", "a", "e.org/m");
  index_.Publish("v1.0.0", ProgramBytes(8), "e.org/m/cmd/b", "b", "e.org/m");
  EXPECT_TRUE(absl::IsInvalidArgument(InstallAddress("e.org/m").status()));
  EXPECT_TRUE(InstallAddress("e.org/m/cmd/b").ok());
  EXPECT_EQ(Read("bin/b"), ProgramBytes(8));
  const auto answers = Find(Now(), ask_, SourceOfIndex(), {{.path = kModule}}, Target::kRiscv64);
  ASSERT_TRUE(answers.ok());
  EXPECT_THAT(std::string(answers->programs[0].status().message()), HasSubstr("x86_64-Linux"));
}

TEST_F(InstallerTest, AModuleThatIsAHostAloneIsInAnotherShard) {
  index_.Publish("v1.0.0", ProgramBytes(9), "filippo.io", "filippo", "filippo.io");
  index_.Publish("v1.0.0", ProgramBytes(10), "filippo.io/cmd/x", "x", "filippo.io");
  EXPECT_TRUE(InstallAddress("filippo.io/cmd/x").ok());
}

TEST_F(InstallerTest, NoIndexIsNotReachable) {
  Source source = SourceOfIndex();
  source.url = "http://127.0.0.1:1/index";
  EXPECT_TRUE(absl::IsUnavailable(Find(Now(), ask_, source, {{.path = kModule}}, Target::kX86_64).status()));
  source.url = index_.Url("/elsewhere");
  const absl::Status none = Find(Now(), ask_, source, {{.path = kModule}}, Target::kX86_64).status();
  EXPECT_TRUE(absl::IsUnavailable(none));
  EXPECT_THAT(std::string(none.message()), HasSubstr("is no index of a gofarm"));
}

TEST_F(InstallerTest, AStoppedCommandEndsEarly) {
  std::stop_source stop;
  stop.request_stop();
  const Scope scope = Scope::For(absl::Seconds(30), stop.get_token());
  EXPECT_TRUE(absl::IsCancelled(Find(scope, ask_, SourceOfIndex(), {{.path = kModule}}, Target::kX86_64).status()));
}

TEST_F(InstallerTest, AShardThatIsReplacedBetweenFileAndSignatureIsAskedForAgain) {
  const std::string shard = Cat("/index/", publish::ShardFile(publish::ShardOf(kModule)));
  const std::string old = index_.Get(shard);
  index_.Publish("v0.2.0", ProgramBytes(2));
  const std::string now = index_.Get(shard);
  index_.Put(shard, old);
  int asked = 0;
  const io::HttpAsk swapping = [&](const Scope& scope, const io::HttpRequest& request, const io::HttpLimits& limits,
                                   const io::HttpClient::BodySink& sink) {
    const bool is_shard = request.url == index_.Url(shard);
    auto answer = ask_(scope, request, limits, sink);
    if (is_shard && ++asked == 1) index_.Put(shard, now);
    return answer;
  };
  const auto found = Find(Now(), swapping, SourceOfIndex(), {{.path = kModule}}, Target::kX86_64);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->programs[0]->version, "v0.2.0");
  EXPECT_EQ(asked, 2);
}

TEST_F(InstallerTest, AKeyIsRememberedAsEndedWhenAnotherSaysSo) {
  const attest::MinisignSecretKey next = attest::MinisignSecretKey::Generate().value();
  Source source = SourceOfIndex();
  source.trust.keys.push_back(next.public_key());
  publish::KeyList list{.builder = kBuilder};
  list.keys = {{.kind = publish::kMinisignKind, .public_key = source.key.Line(), .since = absl::UnixEpoch()},
               {.kind = publish::kMinisignKind, .public_key = next.public_key().Line(), .since = absl::UnixEpoch()}};
  const auto remembered = [&](int64_t generation, absl::Time until) {
    list.keys[0].until = until;
    index_.ListKeys(list);
    index_.Serve(generation);
    const auto answers = Find(Now(), ask_, source, {}, Target::kX86_64);
    EXPECT_TRUE(answers.ok()) << answers.status();
    return answers.ok() ? ToRemember(source, *answers, absl::UnixEpoch()) : RememberedIndex();
  };
  const absl::Time before = absl::FromUnixSeconds(1'800'000'000), later = absl::FromUnixSeconds(1'900'000'000);
  EXPECT_THAT(remembered(2, before).ended, IsEmpty()) << "it signed this list itself";
  index_.Resign(next);
  EXPECT_THAT(remembered(3, later).ended, IsEmpty());
  const RememberedIndex index = remembered(4, before);
  EXPECT_THAT(index.ended, ElementsAre(source.key.Line()));
  EXPECT_THAT(index.followed, ElementsAre(next.public_key().Line()));
  EXPECT_EQ(index.key, source.key.Line());
}

TEST_F(InstallerTest, WhereEveryKeyHasEndedNothingIsTaken) {
  Source source = SourceOfIndex();
  source.trust.keys.clear();
  const absl::Status status = Find(Now(), ask_, source, {{.path = kModule}}, Target::kX86_64).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("has ended; name the one that signs now with --key"));
}

TEST(UpgradeTest, NewerVersionsAndOtherBuildsAreUpgrades) {
  const publish::InstallNote note{.module = kModule, .package = kModule, .version = "v1.2.0", .sha256 = "a"};
  const auto found = [](const std::string& version, const std::string& sha256) {
    return publish::Resolved{.version = version, .target = {.sha256 = sha256}};
  };
  EXPECT_TRUE(IsUpgrade(note, found("v1.10.0", "b")));
  EXPECT_TRUE(IsUpgrade(note, found("v1.2.0", "b")));
  EXPECT_FALSE(IsUpgrade(note, found("v1.2.0", "a")));
  EXPECT_FALSE(IsUpgrade(note, found("v1.1.0", "b")));
  EXPECT_EQ(AddressOf(note).path, kModule);
  EXPECT_EQ(AddressOf({.module = "example.com/fork", .package = "example.com/m/cmd/x"}).path, "example.com/fork");
}

}  // namespace
}  // namespace gofarm::install
