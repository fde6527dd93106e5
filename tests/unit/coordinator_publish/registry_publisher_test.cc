// Releases on their way to a registry that fails in every way a registry can.
#include "coordinator/publish/registry_publisher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "common/attest/dsse.h"
#include "common/attest/provenance.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/json/fields.h"
#include "tests/support/fake_registry.h"
#include "tests/support/publish_farm.h"

namespace gofarm::publish {
namespace {

using domain::Publication;
using domain::PublicationState;
using testing::FakeRegistry;
using testing::PublishFarm;
using Content = std::map<std::string, std::string>;
using Kind = FakeRegistry::Fault::Kind;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kRepository[] = "farm/github/fortio/logc/logc";
constexpr char kModule[] = "github.com/fortio/logc";
constexpr int kForever = 1'000'000;

class RegistryPublisherTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(io::MakeFolders(farm_.At("scratch")).ok()); }

  // As a coordinator that just started.
  std::unique_ptr<DestinationLoop> Loop(bool images = true, int parallel = 1,
                                        absl::Duration version_time = kOutboxVersionMax) {
    const oci::Destination destination = *oci::ParseDestination(fake_.url() + "/farm");
    auto client = *oci::RegistryClient::Make(
        destination.registry, {.user_agent = "test", .credentials = credentials_, .low_speed_time = absl::Seconds(1)});
    return std::make_unique<DestinationLoop>(DestinationParts{
        .name = kName,
        .outbox = farm_.outbox(),
        .carrier = std::make_unique<RegistryPublisher>(RegistryParts{.destination = destination,
                                                                     .client = std::move(client),
                                                                     .sources = farm_.sources(),
                                                                     .keys = [this] { return farm_.keys(); },
                                                                     .publisher = {.page = ""},
                                                                     .images = images,
                                                                     .scratch = farm_.At("scratch")}),
        .parallel = parallel,
        .random = [] { return 0.5; },
        .version_time = version_time});
  }
  DestinationLoop::Round Run(bool images = true, int parallel = 1) {
    const auto round = Loop(images, parallel)->RunOnce(Scope::For(absl::Minutes(1)));
    EXPECT_TRUE(round.ok()) << round.status();
    return round.value_or(DestinationLoop::Round());
  }
  void Order(const std::string& version = "v1.0.0", Target target = Target::kX86_64,
             const std::string& program = "logc") {
    const std::string path = program == "logc" ? kModule : Cat(kModule, "/cmd/", program);
    farm_.outbox().Order(farm_.Build({kModule, version, path, program, target}), kName);
  }
  void OrderFour(const std::string& program = "logc", const std::string& version = "v1.0.0") {
    for (const Target target : kAllTargets) Order(version, target, program);
  }
  Publication Only() {
    const std::vector<Publication> rows = farm_.outbox().rows();
    EXPECT_THAT(rows, SizeIs(1));
    return rows.at(0);
  }
  int CountOf(PublicationState state) {
    int count = 0;
    for (const Publication& row : farm_.outbox().rows()) count += row.state == state ? 1 : 0;
    return count;
  }
  std::vector<std::string> Tags() {
    std::vector<std::string> tags;
    for (const auto& [name, value] : fake_.Content()) {
      if (absl::StrContains(name, " tag ") && !absl::StrContains(name, " tag sha256-")) {
        tags.push_back(name.substr(name.find(" tag ") + 5));
      }
    }
    return tags;
  }

  // Of the manifests that an index names.
  static std::vector<std::string> DigestsIn(std::string_view index) {
    json::Parser parser;
    std::vector<std::string> digests;
    const auto document = parser.Document(index);
    EXPECT_TRUE(document.ok()) << document.status();
    for (const auto each : document->at_key("manifests").get_array()) {
      digests.emplace_back(each.at_key("digest").get_string().value());
    }
    return digests;
  }
  // The digests that signed statements about this manifest name as their subject.
  std::vector<std::string> StatedSubjects(std::string_view digest) {
    std::vector<std::string> subjects;
    for (const std::string& referrer :
         DigestsIn(fake_.ManifestOf(kRepository, oci::ReferrersTag(std::string(digest))))) {
      const std::string manifest = fake_.ManifestOf(kRepository, referrer);
      json::Parser parser;
      const auto document = parser.Document(manifest);
      EXPECT_TRUE(document.ok()) << document.status();
      const std::string layer(document->at_pointer("/layers/0/digest").get_string().value());
      const auto envelope = attest::ParseBundle(fake_.BlobOf(kRepository, layer));
      EXPECT_TRUE(envelope.ok()) << envelope.status();
      const auto provenance = attest::ParseStatement(envelope->payload);
      EXPECT_TRUE(provenance.ok()) << provenance.status();
      subjects.push_back(Cat("sha256:", provenance->subjects.at(0).sha256));
      EXPECT_EQ(subjects.back(), digest);
    }
    return subjects;
  }

  static constexpr char kName[] = "the registry";
  FakeRegistry fake_;
  PublishFarm farm_;
  std::optional<oci::Credentials> credentials_;
};

TEST_F(RegistryPublisherTest, WhatIsPublishedIsThereOnceAndIsPushedOnce) {
  OrderFour();
  EXPECT_EQ(Run().settled, 4);
  EXPECT_EQ(CountOf(PublicationState::kPublished), 4);
  EXPECT_THAT(Tags(),
              ::testing::UnorderedElementsAre("latest", "v1.0.0", "v1.0.0-aarch64-Linux", "v1.0.0-loongarch64-Linux",
                                              "v1.0.0-riscv64-Linux", "v1.0.0-x86_64-Linux"));
  const Publication first = farm_.outbox().rows()[0];
  const std::string manifest = fake_.ManifestOf(kRepository, "v1.0.0-x86_64-Linux");
  EXPECT_EQ(first.digest, oci::DigestOf(manifest));
  for (const char* const file : {"logc", "CHECKSUM", "CHECKSUM.minisig", "LICENSE", "logc.json", "logc.licenses.txt",
                                 "logc.log", "logc.version"}) {
    EXPECT_THAT(manifest, HasSubstr(Cat("\"org.opencontainers.image.title\":\"", file, "\"")));
  }
  const std::string referrers = fake_.ManifestOf(kRepository, oci::ReferrersTag(first.digest));
  EXPECT_THAT(referrers, HasSubstr("sigstore.bundle"));
  EXPECT_THAT(referrers, HasSubstr("cyclonedx"));
  EXPECT_THAT(referrers, HasSubstr(oci::kSourceType));
  // Of the index and of each image says a signed statement where it comes from.
  const std::string index = fake_.ManifestOf(kRepository, "v1.0.0");
  EXPECT_THAT(StatedSubjects(oci::DigestOf(index)), SizeIs(4));
  const std::vector<std::string> images = DigestsIn(index);
  ASSERT_THAT(images, SizeIs(4));
  for (const std::string& image : images) EXPECT_THAT(StatedSubjects(image), ::testing::ElementsAre(image));
  EXPECT_EQ(fake_.ManifestOf(kRepository, "latest"), fake_.ManifestOf(kRepository, "v1.0.0"));
  const auto attachments = farm_.outbox().AttachmentsOf({}, first.release.token);
  ASSERT_TRUE(attachments.ok()) << attachments.status();
  for (const auto& attachment : *attachments) {
    if (attachment.kind != kLogKind) continue;
    EXPECT_THAT(fake_.BlobOf(kRepository, Cat("sha256:", attachment.sha256)), Not(HasSubstr("\x1b")));
  }

  fake_.ResetSeen();
  farm_.outbox().StartAgain();
  EXPECT_EQ(Run().settled, 4);
  EXPECT_THAT(fake_.Seen(true), IsEmpty()) << "a repeat asks, and sends nothing";
}

TEST_F(RegistryPublisherTest, WhatStandsThereIsComparedWithWhatWasPublished) {
  Order();
  Run();
  const auto check = [&] { return Loop()->Check(Scope::For(absl::Minutes(1)), Only()); };
  EXPECT_TRUE(check().ok()) << check();
  fake_.ResetSeen();
  EXPECT_TRUE(check().ok());
  EXPECT_THAT(fake_.Seen(true), IsEmpty()) << "it only asks";
  fake_.Inject({.method = "GET", .part = "/blobs/", .status = 503, .times = kForever});
  EXPECT_THAT(std::string(check().message()), HasSubstr("503"));
  fake_.Heal();
  fake_.PutManifest(kRepository, "v1.0.0-x86_64-Linux", "{}");
  EXPECT_TRUE(absl::IsDataLoss(check())) << check();
  fake_.Clear();
  EXPECT_TRUE(absl::IsNotFound(check())) << check();
}

TEST_F(RegistryPublisherTest, NothingIsFoundUntilTheTagAndTheTagIsTheLastOfItsRelease) {
  Order();
  Run(/*images=*/false);
  const std::vector<std::string> writes = fake_.Seen(true);
  ASSERT_THAT(writes, Not(IsEmpty()));
  EXPECT_EQ(writes.back(), Cat("PUT /v2/", kRepository, "/manifests/v1.0.0-x86_64-Linux"));
  EXPECT_THAT(Tags(), ::testing::ElementsAre("v1.0.0-x86_64-Linux")) << "images are off";
}

TEST_F(RegistryPublisherTest, ATryAfterAFailureSendsNothingThatIsThere) {
  Order();
  fake_.Inject({.method = "PUT", .part = "/manifests/v1.0.0-x86", .status = 503});
  Run(/*images=*/false);
  ASSERT_EQ(Only().state, PublicationState::kFailed);
  farm_.outbox().MakeDue();
  fake_.ResetSeen();
  // With a client that knows nothing of the first try, as after a restart.
  Run(/*images=*/false);
  EXPECT_EQ(Only().state, PublicationState::kPublished);
  EXPECT_THAT(fake_.Seen(true), ::testing::ElementsAre(Cat("PUT /v2/", kRepository, "/manifests/v1.0.0-x86_64-Linux")));
}

TEST_F(RegistryPublisherTest, EveryFailureEndsInItsState) {
  struct Case {
    FakeRegistry::Fault fault;
    PublicationState state;
    const char* why;
  };
  const std::vector<Case> cases = {
      {{.method = "POST", .status = 401, .times = kForever}, PublicationState::kParked, "unauthorized"},
      {{.method = "POST", .status = 403, .times = kForever}, PublicationState::kParked, "forbidden"},
      {{.method = "PUT", .part = "/manifests/", .status = 404, .times = kForever},
       PublicationState::kParked,
       "not_found"},
      {{.method = "PUT", .part = "/blobs/", .status = 413, .times = kForever}, PublicationState::kParked, "too_large"},
      {{.method = "POST", .status = 429, .fields = "Retry-After: 1800\r\n", .times = kForever},
       PublicationState::kFailed,
       "rate_limited"},
      {{.method = "PUT", .status = 502, .times = kForever}, PublicationState::kFailed, "unavailable"},
      {{.kind = Kind::kCut, .method = "PUT", .times = kForever}, PublicationState::kFailed, "unavailable"},
      {{.kind = Kind::kWrongDigest, .method = "PUT", .part = "/manifests/", .times = kForever},
       PublicationState::kFailed,
       "digest_mismatch"},
      {{.method = "PUT", .part = "/manifests/v1.0.0-x86", .status = 418, .times = kForever},
       PublicationState::kParked,
       "refused"}};
  Order();
  for (const Case& one : cases) {
    fake_.Clear();
    farm_.outbox().StartAgain();
    fake_.Inject(one.fault);
    const DestinationLoop::Round round = Run();
    const Publication row = Only();
    EXPECT_EQ(row.failure_class, one.why) << row.detail;
    EXPECT_EQ(row.state, one.state) << one.why;
    EXPECT_EQ(row.tries, 1);
    EXPECT_THAT(Tags(), IsEmpty()) << one.why;
    const auto why = *oci::ParseFailureClass(row.failure_class);
    EXPECT_EQ(round.rest > absl::ZeroDuration(), ConcernsAll(why)) << one.why;
    EXPECT_LE(round.rest, kOutboxRestMax);
    // A wait keeps it from being asked again at once.
    fake_.ResetSeen();
    Run();
    EXPECT_THAT(fake_.Seen(), IsEmpty()) << one.why;
    // It heals.
    fake_.Clear();
    if (row.state == PublicationState::kFailed) {
      farm_.outbox().MakeDue();
      Run();
      EXPECT_EQ(Only().state, PublicationState::kPublished) << Only().detail;
    }
  }
}

TEST_F(RegistryPublisherTest, ARegistryThatIsAwayIsLeftAloneByTheOtherPrograms) {
  Order("v1.0.0", Target::kX86_64, "a");
  Order("v1.0.0", Target::kX86_64, "b");
  Order("v1.0.0", Target::kX86_64, "c");
  fake_.Inject({.status = 503, .times = kForever});
  EXPECT_EQ(Run().settled, 1);
  EXPECT_EQ(CountOf(PublicationState::kFailed), 1);
  EXPECT_EQ(CountOf(PublicationState::kPending), 2);
}

TEST_F(RegistryPublisherTest, ADatabaseThatIsAwayOrAStopSettlesNothing) {
  Order();
  farm_.outbox().Fail(absl::UnavailableError("no database"));
  EXPECT_FALSE(Loop()->RunOnce(Scope::For(absl::Minutes(1))).ok());
  farm_.outbox().Fail(absl::OkStatus());
  EXPECT_EQ(Only().state, PublicationState::kPending);
  std::stop_source stop;
  stop.request_stop();
  (void)Loop()->RunOnce({.stop = stop.get_token()});
  EXPECT_EQ(Only().state, PublicationState::kPending);
  EXPECT_EQ(Only().tries, 0);
}

TEST_F(RegistryPublisherTest, AFileThatIsLostParksItsRowAlone) {
  OrderFour();
  const Publication lost = farm_.outbox().rows()[1];
  ASSERT_TRUE(farm_.blobs().Delete(lost.release.sha256).ok());
  Run();
  const Publication parked = farm_.outbox().rows()[1];
  EXPECT_EQ(parked.state, PublicationState::kParked);
  EXPECT_EQ(parked.failure_class, "local");
  EXPECT_EQ(CountOf(PublicationState::kPublished), 3);
  EXPECT_THAT(DigestsIn(fake_.ManifestOf(kRepository, "v1.0.0")), SizeIs(3)) << "nothing comes back to make it";
  EXPECT_THAT(Tags(), Contains("latest"));
}

// A version that takes all of its time must not come first in every round for ever.
TEST_F(RegistryPublisherTest, AVersionThatTakesTooLongIsSettledAsATryThatTimedOut) {
  OrderFour();
  fake_.Inject({.kind = Kind::kStall, .method = "PUT", .times = kForever, .after = 12});
  const auto round = Loop(/*images=*/true, /*parallel=*/1, absl::Milliseconds(1500))->RunOnce(Scope());
  ASSERT_TRUE(round.ok()) << round.status();
  EXPECT_GT(CountOf(PublicationState::kFailed), 0);
  EXPECT_EQ(CountOf(PublicationState::kPending), 0);
  for (const Publication& row : farm_.outbox().rows()) {
    if (row.state != PublicationState::kFailed) continue;
    EXPECT_EQ(row.failure_class, "timed_out") << row.detail;
    EXPECT_EQ(row.tries, 1);
  }
}

TEST_F(RegistryPublisherTest, AKillAtAnyRequestEndsWithTheContentOfAnUndisturbedPush) {
  OrderFour("a");
  OrderFour("b");
  EXPECT_EQ(Run().settled, 8);
  const Content undisturbed = fake_.Content();
  const int requests = static_cast<int>(fake_.Seen().size());
  unsigned seed = std::random_device{}();
  if (const char* given = std::getenv("GOFARM_TEST_SEED"); given != nullptr) (void)absl::SimpleAtoi(given, &seed);
  SCOPED_TRACE(Cat("GOFARM_TEST_SEED=", seed));
  std::mt19937 generator(seed);
  constexpr int kKills = 16;
  for (int i = 0; i < kKills; ++i) {
    // One out of each part, so that a few seeds see every request.
    const int after = (requests * i + static_cast<int>(generator() % static_cast<unsigned>(requests))) / kKills;
    fake_.Clear();
    farm_.outbox().StartAgain();
    fake_.Inject({.kind = i % 2 == 0 ? Kind::kCut : Kind::kCutAfter, .times = kForever, .after = after});
    Run();
    // What has a tag is whole: the manifest, all blobs it names and what is attached to it stand already.
    for (const auto& [name, value] : fake_.Content()) {
      if (absl::StrContains(name, " tag v")) {
        EXPECT_TRUE(undisturbed.contains(name)) << name;
        EXPECT_EQ(value, undisturbed.at(name)) << name;
        const std::string repository = name.substr(0, name.find(' '));
        if (absl::EndsWith(name, "-Linux")) {
          EXPECT_EQ(fake_.ManifestOf(repository, oci::ReferrersTag(value)),
                    undisturbed.at(Cat(repository, " manifest ",
                                       undisturbed.at(Cat(repository, " tag ", oci::ReferrersTag(value))))));
        }
      }
    }
    // Faults go, what was stored stays.
    fake_.Heal();
    farm_.outbox().MakeDue();
    Run();
    farm_.outbox().MakeDue();
    ASSERT_EQ(CountOf(PublicationState::kPublished), 8) << "after " << after;
    ASSERT_EQ(fake_.Content(), undisturbed) << "after " << after << " of " << requests;
  }
}

TEST_F(RegistryPublisherTest, TheHighestReleaseIsLatest) {
  Order("v1.0.0");
  Order("v1.1.0");
  Order("v1.2.0-rc.1");
  Run();
  EXPECT_EQ(fake_.ManifestOf(kRepository, "latest"), fake_.ManifestOf(kRepository, "v1.1.0"));
  Order("v1.0.1");
  Run();
  EXPECT_EQ(fake_.ManifestOf(kRepository, "latest"), fake_.ManifestOf(kRepository, "v1.1.0"));
  farm_.outbox().Withdraw(kModule, "v1.1.0", Target::kX86_64);
  Run();
  EXPECT_EQ(fake_.ManifestOf(kRepository, "v1.1.0"), "(none)");
  EXPECT_EQ(fake_.ManifestOf(kRepository, "latest"), fake_.ManifestOf(kRepository, "v1.0.1"));
}

TEST_F(RegistryPublisherTest, WhatAnAuthorTookBackIsLatestOnlyWhereThereIsNoOther) {
  Order("v1.0.0");
  Order("v1.1.0");
  Run();
  ASSERT_EQ(fake_.ManifestOf(kRepository, "latest"), fake_.ManifestOf(kRepository, "v1.1.0"));
  farm_.outbox().Retract("v1.1.0", true);
  Run();
  EXPECT_EQ(CountOf(PublicationState::kPublished), 2) << "it stays, by its version";
  EXPECT_NE(fake_.ManifestOf(kRepository, "v1.1.0"), "(none)");
  EXPECT_EQ(fake_.ManifestOf(kRepository, "latest"), fake_.ManifestOf(kRepository, "v1.0.0"));
  farm_.outbox().Retract("v1.0.0", true);
  Run();
  EXPECT_EQ(fake_.ManifestOf(kRepository, "latest"), fake_.ManifestOf(kRepository, "v1.1.0")) << "as Go takes it";
  farm_.outbox().Withdraw(kModule, "v1.1.0", Target::kX86_64);
  Run();
  EXPECT_EQ(fake_.ManifestOf(kRepository, "latest"), fake_.ManifestOf(kRepository, "v1.0.0"));
  Order("v0.9.0");
  Run();
  EXPECT_EQ(fake_.ManifestOf(kRepository, "latest"), fake_.ManifestOf(kRepository, "v0.9.0"));
  farm_.outbox().Retract("v1.0.0", false);
  Run();
  EXPECT_EQ(fake_.ManifestOf(kRepository, "latest"), fake_.ManifestOf(kRepository, "v1.0.0"));
}

TEST_F(RegistryPublisherTest, WhatIsWithdrawnIsDeletedAndTheOthersStay) {
  OrderFour();
  Run();
  const Publication gone = farm_.outbox().rows()[0];
  farm_.outbox().Withdraw(kModule, "v1.0.0", gone.release.target);
  Run();
  const Publication row = farm_.outbox().rows()[0];
  EXPECT_EQ(row.state, PublicationState::kWithdrawn);
  EXPECT_EQ(row.detail, Cat("withdrawn: ", testing::kWithdrawnReason));
  const std::string tag = Cat("v1.0.0-", "x86_64-Linux");
  EXPECT_EQ(fake_.ManifestOf(kRepository, tag), "(none)");
  EXPECT_EQ(fake_.ManifestOf(kRepository, gone.digest), "(none)");
  EXPECT_EQ(fake_.ManifestOf(kRepository, oci::ReferrersTag(gone.digest)), "(none)");
  EXPECT_THAT(fake_.ManifestOf(kRepository, "v1.0.0"), Not(HasSubstr("\"amd64\"")));
  EXPECT_THAT(fake_.ManifestOf(kRepository, "v1.0.0"), HasSubstr("\"arm64\""));
  EXPECT_EQ(fake_.ManifestOf(kRepository, "latest"), fake_.ManifestOf(kRepository, "v1.0.0"));
  for (const auto& [name, value] : fake_.Content()) {
    if (!absl::StrContains(name, " manifest ")) continue;
    EXPECT_THAT(value, Not(HasSubstr("\"architecture\":\"amd64\""))) << name;
  }
  for (const Target target : kAllTargets) farm_.outbox().Withdraw(kModule, "v1.0.0", target);
  Run();
  EXPECT_THAT(Tags(), IsEmpty());
  // Of all manifests, older states of the lists of what was attached are left: nothing names them, they name nothing.
  for (const auto& [name, value] : fake_.Content()) {
    if (absl::StrContains(name, " manifest ")) {
      EXPECT_THAT(value, Not(HasSubstr("\"layers\""))) << name;
    }
    EXPECT_THAT(name, Not(HasSubstr(" tag ")));
  }
}

TEST_F(RegistryPublisherTest, WhereNothingIsDeletedTagsAreOverwrittenAndTheRowSaysSo) {
  fake_.Change({.deletes = false});
  OrderFour();
  Run();
  const std::string digest = farm_.outbox().rows()[0].digest;
  farm_.outbox().Withdraw(kModule, "v1.0.0", Target::kX86_64);
  Run();
  EXPECT_EQ(farm_.outbox().rows()[0].state, PublicationState::kWithdrawn);
  EXPECT_THAT(farm_.outbox().rows()[0].detail, HasSubstr("still reachable by digest"));
  EXPECT_THAT(fake_.ManifestOf(kRepository, "v1.0.0-x86_64-Linux"), HasSubstr(testing::kWithdrawnReason));
  EXPECT_NE(fake_.ManifestOf(kRepository, digest), "(none)");
  EXPECT_THAT(fake_.ManifestOf(kRepository, "v1.0.0"), Not(HasSubstr("\"amd64\"")));
  for (const Target target : kAllTargets) farm_.outbox().Withdraw(kModule, "v1.0.0", target);
  Run();
  for (const std::string& tag : Tags()) {
    EXPECT_THAT(fake_.ManifestOf(kRepository, tag), HasSubstr(testing::kWithdrawnReason)) << tag;
  }
  fake_.ResetSeen();
  for (const Target target : kAllTargets) farm_.outbox().Withdraw(kModule, "v1.0.0", target);
  Run();
  for (const std::string& write : fake_.Seen(true)) EXPECT_THAT(write, HasSubstr("DELETE")) << "asked, and refused";
}

TEST_F(RegistryPublisherTest, AnImageThatFailsKeepsItsTargetsFromCountingAsPublished) {
  OrderFour();
  fake_.Inject({.method = "PUT", .part = "/manifests/v1.0.0", .status = 500, .times = kForever, .after = 4});
  Run();
  EXPECT_EQ(CountOf(PublicationState::kFailed), 4);
  fake_.Heal();
  farm_.outbox().MakeDue();
  Run();
  EXPECT_EQ(CountOf(PublicationState::kPublished), 4);
  EXPECT_NE(fake_.ManifestOf(kRepository, "v1.0.0"), "(none)");
}

TEST_F(RegistryPublisherTest, TwinsStandApartAndAreTakenAwayFromWhereTheyWere) {
  Order();
  Run();
  farm_.outbox().Order(farm_.Build({"github.com/Fortio/logc", "v1.0.0", "github.com/Fortio/logc", "logc"}), kName);
  Run();
  const std::vector<Publication> rows = farm_.outbox().rows();
  EXPECT_EQ(CountOf(PublicationState::kPublished), 2);
  EXPECT_NE(fake_.ManifestOf(kRepository, rows[0].digest), "(none)");
  EXPECT_EQ(fake_.ManifestOf(kRepository, rows[1].digest), "(none)") << "it has a path of its own";
  farm_.outbox().Withdraw(kModule, "v1.0.0", Target::kX86_64);
  Run();
  EXPECT_EQ(fake_.ManifestOf(kRepository, rows[0].digest), "(none)");
  int tags = 0;
  for (const auto& [name, value] : fake_.Content()) tags += value == rows[1].digest ? 1 : 0;
  EXPECT_EQ(tags, 1) << "the other one stays";
}

TEST_F(RegistryPublisherTest, ManyAtOnceGiveTheSame) {
  for (const char* const program : {"a", "b", "c", "d", "e"}) OrderFour(program);
  EXPECT_EQ(Run(true, 1).settled, 20);
  const Content one_by_one = fake_.Content();
  fake_.Clear();
  farm_.outbox().StartAgain();
  EXPECT_EQ(Run(true, 4).settled, 20);
  EXPECT_EQ(fake_.Content(), one_by_one);
}

}  // namespace
}  // namespace gofarm::publish
