// What becomes of rows, what stands in a registry, which images an index holds: the decisions, without any registry.
#include "coordinator/publish/outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/attest/dsse.h"
#include "common/attest/provenance.h"
#include "common/base/text.h"
#include "common/pki/key.h"
#include "coordinator/publish/registry_plan.h"
#include "tests/unit/attest/example.h"

namespace gofarm::publish {
namespace {

using domain::PublicationState;
using oci::FailureClass;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

domain::Publication Row(int64_t id, std::string version = "v1.0.0", Target target = Target::kX86_64,
                        PublicationState state = PublicationState::kPending) {
  domain::Publication row{.id = domain::PublicationId{id}, .state = state};
  row.release.module = "example.com/m";
  row.release.import_path = "example.com/m/cmd/p";
  row.release.version = std::move(version);
  row.release.target = target;
  row.release.facts.program = "p";
  return row;
}

absl::Status Failed(FailureClass why, std::optional<absl::Duration> retry_after = std::nullopt) {
  return oci::MakeFailure({.why = why, .retry_after = retry_after}, "push \x1b[31m");
}

TEST(AfterFailureTest, EachClassIsRetriedOrParked) {
  for (int i = 0; i <= static_cast<int>(oci::kLastFailureClass); ++i) {
    const auto why = static_cast<FailureClass>(i);
    const store::Settled settled = AfterFailure(Row(1), Failed(why), 0.5);
    EXPECT_EQ(settled.failure_class, oci::FailureClassName(why));
    EXPECT_EQ(settled.state, oci::WorthRetry(why) ? PublicationState::kFailed : PublicationState::kParked)
        << settled.failure_class;
    EXPECT_EQ(settled.wait > absl::ZeroDuration(), oci::WorthRetry(why)) << settled.failure_class;
    EXPECT_THAT(settled.detail, Not(HasSubstr("\x1b")));
  }
}

TEST(AfterFailureTest, WaitsGrowAndAreNoShorterThanTheRegistryAsks) {
  domain::Publication row = Row(1);
  EXPECT_EQ(AfterFailure(row, Failed(FailureClass::kUnavailable), 0).wait, kTryFirst / 2);
  row.tries = 3;
  EXPECT_EQ(AfterFailure(row, Failed(FailureClass::kUnavailable), 0).wait, kTryFirst * 4);
  row.tries = 15;
  EXPECT_LE(AfterFailure(row, Failed(FailureClass::kUnavailable), 0.999).wait, kTryLongest);
  EXPECT_EQ(AfterFailure(row, Failed(FailureClass::kRateLimited, absl::Hours(3)), 0).wait, absl::Hours(3));
}

TEST(AfterFailureTest, ItGivesUpAfterABoundedNumberOfTriesAndKeepsWhatIsKnown) {
  domain::Publication row = Row(1);
  row.digest = "sha256:1";
  row.tries = kTriesMax - 2;
  EXPECT_EQ(AfterFailure(row, Failed(FailureClass::kUnavailable), 0).state, PublicationState::kFailed);
  row.tries = kTriesMax - 1;
  const store::Settled parked = AfterFailure(row, Failed(FailureClass::kUnavailable), 0);
  EXPECT_EQ(parked.state, PublicationState::kParked);
  EXPECT_EQ(parked.failure_class, "unavailable");
  EXPECT_THAT(parked.detail, HasSubstr("gave up after 20 tries"));
  EXPECT_EQ(parked.digest, "sha256:1");
  row.tries = kMismatchTriesMax - 1;
  EXPECT_EQ(AfterFailure(row, Failed(FailureClass::kDigestMismatch), 0).state, PublicationState::kParked);
  const absl::Status huge = oci::MakeFailure({.why = FailureClass::kRefused}, std::string(1 << 20, 'x'));
  EXPECT_LT(AfterFailure(row, huge, 0).detail.size(), 2 * kFailureDetailMax);
}

TEST(ByProgramTest, OneProgramsVersionsStandTogetherInTheirOrder) {
  domain::Publication other = Row(9);
  other.release.import_path = "example.com/m/cmd/q";
  const auto programs = ByProgram({Row(1, "v1.10.0"), other, Row(2, "v1.9.0", Target::kAarch64), Row(3, "v1.9.0")});
  ASSERT_THAT(programs, SizeIs(2));
  std::vector<int64_t> ids;
  for (const domain::Publication& row : programs[0]) ids.push_back(row.id.value);
  EXPECT_THAT(ids, ElementsAre(3, 2, 1));
  EXPECT_THAT(programs[1], SizeIs(1));
}

std::vector<Target> TargetsOf(const ImageOrder& order) {
  std::vector<Target> targets;
  for (const domain::Release& release : order.releases) targets.push_back(release.target);
  return targets;
}

constexpr RowFate kDone = RowFate::kDone;
constexpr RowFate kAgain = RowFate::kAgain;
constexpr RowFate kParked = RowFate::kParked;

TEST(DecideImagesTest, TheIndexComesWithTheLastTarget) {
  const domain::Publication a = Row(1, "v1.0.0", Target::kAarch64);
  const domain::Publication b = Row(2, "v1.0.0", Target::kX86_64);
  ImageOrder order = DecideImages({.due = {a}, .all = {a, b}}, {kDone});
  EXPECT_EQ(order.what, ImageOrder::What::kLeave) << "b is still to come";
  order = DecideImages({.due = {a, b}, .all = {a, b}}, {kDone, kDone});
  EXPECT_EQ(order.what, ImageOrder::What::kSet);
  EXPECT_THAT(TargetsOf(order), ElementsAre(Target::kX86_64, Target::kAarch64));
  order = DecideImages({.due = {a, b}, .all = {a, b}}, {kDone, kAgain});
  EXPECT_EQ(order.what, ImageOrder::What::kLeave) << "b failed";
  const domain::Publication parked = Row(2, "v1.0.0", Target::kX86_64, PublicationState::kParked);
  order = DecideImages({.due = {a}, .all = {a, parked}}, {kDone});
  EXPECT_THAT(TargetsOf(order), ElementsAre(Target::kAarch64)) << "what waits for a person is not waited for";
  order = DecideImages({.due = {a, b}, .all = {a, b}}, {kDone, kParked});
  EXPECT_THAT(TargetsOf(order), ElementsAre(Target::kAarch64)) << "nor is what does so from this try on";
  order = DecideImages({.due = {b}, .all = {a, b}}, {kParked});
  EXPECT_EQ(order.what, ImageOrder::What::kLeave) << "a is still to come";
}

TEST(DecideImagesTest, WhatIsWithdrawnIsNotInIt) {
  domain::Publication gone = Row(1);
  gone.withdraw = true;
  const domain::Publication stays = Row(2, "v1.0.0", Target::kAarch64, PublicationState::kPublished);
  ImageOrder order = DecideImages({.due = {gone}, .all = {gone, stays}}, {kAgain});
  EXPECT_EQ(order.what, ImageOrder::What::kSet);
  EXPECT_THAT(TargetsOf(order), ElementsAre(Target::kAarch64));
  order = DecideImages({.due = {gone}, .all = {gone}}, {kAgain});
  EXPECT_EQ(order.what, ImageOrder::What::kTakeAway);
  const domain::Publication open = Row(2, "v1.0.0", Target::kAarch64, PublicationState::kFailed);
  order = DecideImages({.due = {gone}, .all = {gone, open}}, {kAgain});
  EXPECT_EQ(order.what, ImageOrder::What::kTakeAway) << "it comes again with the other one";
}

std::vector<std::string> VersionsOf(const std::vector<StandingRelease>& releases) {
  std::vector<std::string> versions;
  for (const StandingRelease& release : releases) versions.push_back(release.version);
  return versions;
}

TEST(StandingReleasesTest, PreReleasesAreNoReleasesAndWhatWasTakenBackStandsBehind) {
  const PublicationState stands = PublicationState::kPublished;
  EXPECT_THAT(VersionsOf(StandingReleases({Row(1, "v1.9.0", Target::kX86_64, stands),
                                           Row(2, "v1.10.0", Target::kX86_64, stands),
                                           Row(3, "v2.0.0-rc.1", Target::kX86_64, stands),
                                           Row(4, "v0.0.0-20250101000000-0123456789ab", Target::kX86_64, stands),
                                           Row(5, "v3.0.0", Target::kX86_64, PublicationState::kFailed)})),
              ElementsAre("v1.10.0", "v1.9.0"));
  std::vector<domain::Publication> rows;
  for (const char* const version : {"v1.0.0", "v1.2.0", "v1.1.0"})
    rows.push_back(Row(1, version, Target::kX86_64, stands));
  rows[1].release.retracted = true;
  EXPECT_THAT(VersionsOf(StandingReleases(rows)), ElementsAre("v1.1.0", "v1.0.0", "v1.2.0"));
}

TEST(ArtifactAnnotationsTest, TheyAreThoseOfTheRecord) {
  const std::string record =
      R"({"pkg":"p","description":"a <b>","homepage":["https://a","https://b"],"license":[],"ghcr_pkg":"","size":"1"})";
  const Place place{.authority = "registry.example.org", .repository = "farm/p", .tag = "v1.0.0-x86_64-Linux"};
  const auto annotations = ArtifactAnnotations(record, Row(1).release, {.name = "me", .page = "https://me"}, place);
  ASSERT_TRUE(annotations.ok()) << annotations.status();
  EXPECT_EQ(annotations->at("dev.pkgforge.soar.json"), record);
  EXPECT_EQ(annotations->at("dev.pkgforge.soar.homepage"), "https://a");
  EXPECT_EQ(annotations->at("com.github.package.type"), "container");
  EXPECT_EQ(annotations->at("org.opencontainers.image.vendor"), "me");
  EXPECT_EQ(annotations->at("org.opencontainers.image.licenses"), "NOASSERTION");
  EXPECT_FALSE(annotations->contains("dev.pkgforge.soar.ghcr_pkg")) << "soar would fetch from ghcr.io";
  EXPECT_EQ(ArtifactAnnotations(record, Row(1).release, {.page = ""}, {"ghcr.io", "o/p", "t"})
                ->at("dev.pkgforge.soar.ghcr_pkg"),
            "ghcr.io/o/p:t");
  EXPECT_FALSE(ArtifactAnnotations("[]", Row(1).release, {.page = ""}, place).ok());
  EXPECT_FALSE(ArtifactAnnotations("{", Row(1).release, {.page = ""}, place).ok());
}

TEST(ManifestStatementTest, ItNamesTheManifestAndNothingElse) {
  const std::string key = pki::NewKey().value();
  const auto envelope =
      attest::SignEnvelope(key, attest::kInTotoPayloadType, attest::ToStatement(attest::HeyProvenance()).value());
  const std::string digest = Cat("sha256:", std::string(64, 'a'));
  const auto statement = ManifestStatement(attest::BundleJson(*envelope), {"r.example.org", "farm/p", "t"}, digest);
  ASSERT_TRUE(statement.ok()) << statement.status();
  attest::Provenance expected = attest::HeyProvenance();
  expected.subjects = {{.name = "r.example.org/farm/p", .sha256 = std::string(64, 'a'), .blake3 = ""}};
  EXPECT_EQ(attest::ParseStatement(*statement).value(), expected);
  EXPECT_EQ(ManifestStatementName("p", digest), "p.aaaaaaaaaaaaaaaa.sigstore.json");
  EXPECT_FALSE(ManifestStatement("{}", {"r", "p", "t"}, digest).ok());
}

}  // namespace
}  // namespace gofarm::publish
